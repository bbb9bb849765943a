-- Who looked at or erased a person's data, when and why: docs/subject-rights.md. A line names the registration by its id
-- only and stays when the registration is gone, so no foreign key. Without an id nothing was held.
create table subject_actions (
    id bigint generated always as identity primary key,
    acted_at timestamptz not null default now(),
    action text not null check (action in ('export', 'preview', 'erase')),
    registration_id uuid,
    actor text not null,
    reason text not null check (reason <> '')
);
