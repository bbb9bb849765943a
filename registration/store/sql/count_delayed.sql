-- Open {kind} checks that the system's trouble delays, by cause; those that are set aside are left out.
select coalesce({kind}_cause, 'unknown') as cause, count(*) as count
from registrations
where {kind}_state = 'delayed' and {kind}_due_at < 'infinity'
group by cause
order by count(*) desc, cause
