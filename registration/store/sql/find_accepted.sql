-- What was taken in before under these ids: decides between a replay and a key used for other content.
-- $1 ids.
select id, received_at, content_digest
from registrations
where id = any($1::uuid[])
