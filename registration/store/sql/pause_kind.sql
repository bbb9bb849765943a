-- Pauses a kind; one that is paused already keeps its first reason.
-- $1 kind, $2 reason, $3 who. Returns a row when it was not paused before.
insert into pauses (kind, reason, paused_by)
values ($1, $2, $3)
on conflict (kind) where resumed_at is null do nothing
returning id
