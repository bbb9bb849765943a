-- Whether a mail link could still be used, without using it.
-- $1 id, $2 generation.
select r.email_state,
    $2 = (select max(generation) from challenges where registration_id = $1 and kind = 'email') as newest,
    coalesce(c.expires_at <= now(), false) as expired
from registrations as r
join challenges as c on c.registration_id = r.id and c.kind = 'email' and c.generation = $2
where r.id = $1
