-- The call-centre page (docs/desk.md): what was looked at, sent again and asked for, in the same book as exports and
-- erasures. `about` is what was sent again (email, phone) or which fields are to be corrected, never a value.
alter table subject_actions
    add column about text[] not null default '{}',
    drop constraint subject_actions_action_check,
    add constraint subject_actions_action_check
        check (action in ('export', 'preview', 'erase', 'look', 'resend', 'note'));
