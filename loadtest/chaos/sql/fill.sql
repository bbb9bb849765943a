-- Registrations that wait for the registry alone: mail and code are out since an hour ago.
-- $1 ids, $2 content digests, $3 NIK digests, $4 identity digests, $5 sealed applicants: arrays of one length.
with filled as (
    insert into registrations (
        id, content_digest, nik_digest, identity_digest, sealed, email_state, email_version, phone_state, phone_version
    )
    select b.id, b.content_digest, b.nik_digest, b.identity_digest, b.sealed, 'sent', 1, 'sent', 1
    from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
        as b (id, content_digest, nik_digest, identity_digest, sealed)
    returning id
)
insert into challenges (registration_id, kind, generation, sent_at, expires_at)
select id, kind, 0, now() - interval '1 hour', now() + interval '1 hour'
from filled cross join (values ('email'), ('phone')) as kinds (kind)
