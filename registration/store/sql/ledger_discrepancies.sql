-- Where the books contradict each other, with how many rows: each is zero in a sound system.
select 'complete but not owner of its NIK' as discrepancy, count(*) as count
from registrations as r
where r.nik_state = 'verified' and r.email_state = 'verified' and r.phone_state = 'verified'
    and not exists (select from nik_owners as o where o.registration_id = r.id and o.nik_digest = r.nik_digest)
union all
select 'owner of a NIK but not complete', count(*)
from nik_owners as o join registrations as r on r.id = o.registration_id
where not (r.nik_state = 'verified' and r.email_state = 'verified' and r.phone_state = 'verified')
union all
select 'NIK verified but the registry never said so', count(*)
from registrations as r
where r.nik_state = 'verified'
    and not exists (
        select from identity_verdicts as v where v.identity_digest = r.identity_digest and v.state = 'verified'
    )
union all
select 'e-mail sent or verified but no link was ever made', count(*)
from registrations as r
where r.email_state in ('sent', 'verified')
    and not exists (select from challenges as c where c.registration_id = r.id and c.kind = 'email')
union all
select 'phone sent or verified but no code was ever made', count(*)
from registrations as r
where r.phone_state in ('sent', 'verified')
    and not exists (select from challenges as c where c.registration_id = r.id and c.kind = 'phone')
union all
select 'photo to check or verified but none is kept', count(*)
from registrations as r
where r.photo_state in ('pending', 'delayed', 'verified')
    and not exists (select from photos as p where p.registration_id = r.id and p.completed_at is not null)
union all
select 'photo kept but its check never began or rejected it', count(*)
from photos as p join registrations as r on r.id = p.registration_id
where p.completed_at is not null and (r.photo_state is null or r.photo_state = 'rejected')
union all
select 'photo kept whole but not all of it is there', count(*)
from photos as p
where p.completed_at is not null
    and p.size_bytes is distinct from (
        select sum(o.length_bytes) from photo_objects as o
        where o.registration_id = p.registration_id and o.upload_digest = p.upload_digest
    )
union all
select 'student check begun but the registry never knew the NIK', count(*)
from registrations as r
where r.student_state is not null
    and not exists (
        select from identity_verdicts as v where v.identity_digest = r.identity_digest and v.state = 'verified'
    )
union all
select 'set aside but no dead letter', count(*)
from registrations as r
cross join lateral (
    values ('nik', nik_state, nik_due_at), ('email', email_state, email_due_at), ('phone', phone_state, phone_due_at),
        ('photo', photo_state, photo_due_at), ('student', student_state, student_due_at)
) as c (kind, state, due_at)
where 'infinity' in (r.nik_due_at, r.email_due_at, r.phone_due_at, r.photo_due_at, r.student_due_at) -- few, and quick to tell
    and c.state in ('pending', 'delayed') and c.due_at = 'infinity'
    and not exists (
        select from dead_letters as d where d.registration_id = r.id and d.kind = c.kind and d.closed_at is null
    )
