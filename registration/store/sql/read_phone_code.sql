-- Why the newest phone code takes no more tries.
-- $1 id.
select tries, coalesce(expires_at <= now(), false) as expired
from challenges
where registration_id = $1 and kind = 'phone'
order by generation desc
limit 1
