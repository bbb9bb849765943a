-- Dead letters that wait for a person, by kind and cause.
select kind, cause, count(*) as count, min(died_at) as oldest
from dead_letters
where closed_at is null
group by kind, cause
order by kind, cause
