-- How many links or codes each registration has had.
select registration_id as id, kind, count(*) as count
from challenges
group by 1, 2
having count(*) > 1
