-- One line for each registration that was looked at, acted on or erased; one without an id when nothing is held.
-- $1 action, $2 ids or an array of one null, $3 who, $4 why, $5 what about.
insert into subject_actions (action, registration_id, actor, reason, about)
select $1, id, $3, $4, $5
from unnest($2::uuid[]) as subject (id)
