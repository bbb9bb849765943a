-- One line for each registration that was looked at or erased; one without an id when nothing is held.
-- $1 action, $2 ids or an array of one null, $3 who, $4 why.
insert into subject_actions (action, registration_id, actor, reason)
select $1, id, $3, $4
from unnest($2::uuid[]) as subject (id)
