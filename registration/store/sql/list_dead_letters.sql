-- Dead letters that wait for a person, the latest first.
-- $1 kind or null, $2 cause or null, $3 how many at most.
select id, registration_id, kind, cause, attempts, died_at
from dead_letters
where closed_at is null and ($1::text is null or kind = $1) and ($2::text is null or cause = $2)
order by died_at desc
limit $3
