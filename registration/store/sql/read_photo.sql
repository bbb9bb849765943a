-- The whole photo of a registration, with the names of its objects in order.
-- $1 id.
select p.upload_digest, p.sealed_key, p.size_bytes, p.completed_at, p.cleaned_at,
    array(
        select o.name from photo_objects as o
        where o.registration_id = p.registration_id and o.upload_digest = p.upload_digest
        order by o.start_byte
    ) as names
from photos as p
where p.registration_id = $1 and p.completed_at is not null
order by p.completed_at desc
limit 1
