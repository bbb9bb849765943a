-- Attempts that have ended and are not scored, the longest-waiting first; those that another scorer holds are passed over.
-- $1 version of the bank, $2 at most so many.
select registration_id, wave, bank_version, answers
from assessments
where scored_at is null and bank_version = $1 and coalesce(submitted_at, deadline_at) <= clock_timestamp()
order by coalesce(submitted_at, deadline_at)
limit $2
for update skip locked
