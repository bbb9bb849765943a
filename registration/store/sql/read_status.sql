-- Where one registration stands, as the applicant may see it.
-- $1 id.
select
    received_at,
    nik_state, nik_reason, nik_updated_at,
    email_state, email_reason, email_updated_at,
    phone_state, phone_reason, phone_updated_at
from registrations
where id = $1
