-- Kinds of work that somebody, or the system itself, has stopped until a person says otherwise. An open pause has no
-- resumed_at; the others are the history.
create table pauses (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('nik', 'email', 'phone', 'photo')),
    reason text not null check (reason <> ''),
    paused_by text not null,
    paused_at timestamptz not null default now(),
    resumed_by text,
    resumed_at timestamptz
);

create unique index pauses_open on pauses (kind) where resumed_at is null;
