-- Where registrations stand, as their applicants may see it; unknown ones are left out.
-- $1 ids.
select
    id, received_at,
    nik_state, nik_reason, nik_updated_at,
    email_state, email_reason, email_updated_at,
    phone_state, phone_reason, phone_updated_at,
    photo_state, photo_reason, photo_updated_at,
    student_state, student_reason, student_updated_at
from registrations
where id = any($1::uuid[])
