-- The books of one instant, each check by itself: one statement, so one snapshot.
select
    count(*) as accepted,
    count(*) filter (where nik_state = 'pending') as nik_pending,
    count(*) filter (where nik_state = 'delayed') as nik_delayed,
    count(*) filter (where nik_state = 'verified') as nik_verified,
    count(*) filter (where nik_state = 'rejected') as nik_rejected,
    count(*) filter (where email_state = 'pending') as email_pending,
    count(*) filter (where email_state = 'delayed') as email_delayed,
    count(*) filter (where email_state = 'sent') as email_sent,
    count(*) filter (where email_state = 'verified') as email_verified,
    count(*) filter (where email_state = 'rejected') as email_rejected,
    count(*) filter (where phone_state = 'pending') as phone_pending,
    count(*) filter (where phone_state = 'delayed') as phone_delayed,
    count(*) filter (where phone_state = 'sent') as phone_sent,
    count(*) filter (where phone_state = 'verified') as phone_verified,
    count(*) filter (where phone_state = 'rejected') as phone_rejected
from registrations
