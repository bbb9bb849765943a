-- Ends a kind's pause.
-- $1 kind, $2 who. Returns a row when it was paused.
update pauses
set resumed_by = $2, resumed_at = now()
where kind = $1 and resumed_at is null
returning id
