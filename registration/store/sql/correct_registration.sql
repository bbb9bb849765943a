-- Puts corrected data in the place of what was read, and gives the checks that depend on it back to the workers, by
-- compare-and-set: nothing changes unless the row still holds what was read and each of these checks is rejected.
-- $1 id, $2 sealed as read, $3 sealed anew, $4 NIK digest, $5 identity digest, $6 kinds to check again, $7 states from
-- which that is legal, $8 corrected fields, $9 content digest, $10 how many links or codes, and $11
-- how many corrections, an hour.
-- A changed address gets a new link or code, which makes earlier ones worthless; these count with those asked for.
-- A check takes its old place in the queue: it is due since the registration came, but not for longer than whoever waits
-- at the front, so that a late correction does not look like a standstill.
-- Returns one row: `found` whether the row was as expected, `corrected` whether it was changed. Found and not corrected
-- is the limit.
with registration as (
    select id, received_at, identity_digest
    from registrations
    where id = $1 and sealed = $2
        and (not 'nik' = any($6::text[]) or nik_state = any($7::check_state[]))
        and (not 'email' = any($6::text[]) or email_state = any($7::check_state[]))
        and (not 'phone' = any($6::text[]) or phone_state = any($7::check_state[]))
    for update
),
latest as (
    select c.kind, max(c.generation) as generation,
        count(*) filter (where c.created_at > now() - interval '1 hour') as recent
    from registration join challenges as c on c.registration_id = registration.id
    where c.kind = any($6::text[])
    group by c.kind
),
allowed as (
    select *
    from registration
    where not exists (select from latest where recent >= $10::int)
        and (
            select count(*) from corrections
            where registration_id = $1 and corrected_at > now() - interval '1 hour'
        ) < $11::int
),
opened as (
    insert into challenges (registration_id, kind, generation)
    select allowed.id, latest.kind, latest.generation + 1
    from allowed cross join latest
),
noted as (
    insert into corrections (registration_id, number, fields, content_digest, former_identity_digest)
    select allowed.id, (select count(*) from corrections where registration_id = $1) + 1, $8::text[], $9,
        allowed.identity_digest
    from allowed
),
place as (
    select kind, greatest(allowed.received_at, least(now(), front)) as due_at
    from allowed
    cross join lateral (
        values
            ('nik', (select min(nik_due_at) from registrations where nik_state in ('pending', 'delayed'))),
            ('email', (select min(email_due_at) from registrations where email_state in ('pending', 'delayed'))),
            ('phone', (select min(phone_due_at) from registrations where phone_state in ('pending', 'delayed')))
    ) as waiting (kind, front)
    where kind = any($6::text[])
),
corrected as (
    update registrations as r
    set sealed = $3, nik_digest = $4, identity_digest = $5,

        nik_state = case when nik.kind is null then r.nik_state else 'pending' end,
        nik_reason = case when nik.kind is null then r.nik_reason end,
        nik_cause = case when nik.kind is null then r.nik_cause end,
        nik_attempts = case when nik.kind is null then r.nik_attempts else 0 end,
        nik_misses = case when nik.kind is null then r.nik_misses else 0 end,
        nik_version = r.nik_version + (nik.kind is not null)::int,
        nik_due_at = coalesce(nik.due_at, r.nik_due_at),
        nik_updated_at = case when nik.kind is null then r.nik_updated_at else now() end,

        email_state = case when email.kind is null then r.email_state else 'pending' end,
        email_reason = case when email.kind is null then r.email_reason end,
        email_cause = case when email.kind is null then r.email_cause end,
        email_attempts = case when email.kind is null then r.email_attempts else 0 end,
        email_version = r.email_version + (email.kind is not null)::int,
        email_due_at = coalesce(email.due_at, r.email_due_at),
        email_updated_at = case when email.kind is null then r.email_updated_at else now() end,

        phone_state = case when phone.kind is null then r.phone_state else 'pending' end,
        phone_reason = case when phone.kind is null then r.phone_reason end,
        phone_cause = case when phone.kind is null then r.phone_cause end,
        phone_attempts = case when phone.kind is null then r.phone_attempts else 0 end,
        phone_version = r.phone_version + (phone.kind is not null)::int,
        phone_due_at = coalesce(phone.due_at, r.phone_due_at),
        phone_updated_at = case when phone.kind is null then r.phone_updated_at else now() end
    from allowed
    left join place as nik on nik.kind = 'nik'
    left join place as email on email.kind = 'email'
    left join place as phone on phone.kind = 'phone'
    where r.id = allowed.id
    returning r.id
)
select exists (select from registration) as found, exists (select from corrected) as corrected
