-- Checks that workers still have to do, without those that were set aside.
select
    count(*) filter (where nik_state in ('pending', 'delayed') and nik_due_at < 'infinity') as nik,
    count(*) filter (where email_state in ('pending', 'delayed') and email_due_at < 'infinity') as email,
    count(*) filter (where phone_state in ('pending', 'delayed') and phone_due_at < 'infinity') as phone
from registrations
where nik_state in ('pending', 'delayed') or email_state in ('pending', 'delayed') or phone_state in ('pending', 'delayed')
