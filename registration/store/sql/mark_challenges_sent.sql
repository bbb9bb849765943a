-- Starts the life of links or codes that went out.
-- $1 registration ids, $2 kind, $3 generations, $4 seconds of life.
update challenges as c
set sent_at = now(), expires_at = now() + make_interval(secs => $4::float8)
from unnest($1::uuid[], $3::int[]) as sent (registration_id, generation)
where c.registration_id = sent.registration_id and c.kind = $2 and c.generation = sent.generation
