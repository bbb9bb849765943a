-- Of these ids, those whose photo check is open and due.
-- $1 ids.
select id, sealed, identity_digest, photo_version as version, photo_attempts as attempts
from registrations
where id = any($1::uuid[]) and photo_state in ('pending', 'delayed') and photo_due_at <= now()
