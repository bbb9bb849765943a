-- The front of the queue of those NIK checks that go first, since their e-mail is verified: when the first
-- came due, and of the next few how many are delayed by trouble of the system. One look into a partial index.
-- $1 how many are looked at. `front` is null when nobody waits.
with next as (
    select nik_state, nik_due_at
    from registrations
    where nik_state in ('pending', 'delayed') and nik_due_at <= now() and email_state = 'verified'
    order by nik_due_at
    limit $1
)
select
    min(nik_due_at) filter (where nik_state = 'pending') as front,
    count(*) as looked_at,
    count(*) filter (where nik_state = 'delayed') as delayed
from next
