-- What a correction starts from: the sealed data, where the checks stand, and the digest of the last correction.
-- $1 id.
select
    r.sealed,
    r.nik_state, r.nik_reason, r.nik_updated_at,
    r.email_state, r.email_reason, r.email_updated_at,
    r.phone_state, r.phone_reason, r.phone_updated_at,
    r.photo_state, r.photo_reason, r.photo_updated_at,
    r.student_state, r.student_reason, r.student_updated_at,
    (
        select c.content_digest
        from corrections as c
        where c.registration_id = r.id
        order by c.number desc
        limit 1
    ) as last_correction
from registrations as r
where r.id = $1
