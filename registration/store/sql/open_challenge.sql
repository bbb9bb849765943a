-- Opens a new link or code, which makes earlier ones worthless, and gives the check back to the workers; at most so many
-- an hour. The lock on the registration makes parallel requests queue.
-- $1 id, $2 how many an hour, $3 states from which it is legal. Returns a row when it was opened.
with registration as (
    select id from registrations where id = $1 and {kind}_state = any($3::check_state[]) for update
),
opened as (
    insert into challenges (registration_id, kind, generation)
    select registration.id, '{kind}', max(c.generation) + 1
    from registration join challenges as c on c.registration_id = registration.id and c.kind = '{kind}'
    group by registration.id
    having count(*) filter (where c.created_at > now() - interval '1 hour') < $2
    returning registration_id
)
update registrations as r
set {kind}_state = 'pending', {kind}_cause = null, {kind}_attempts = 0, {kind}_due_at = now(),
    {kind}_version = {kind}_version + 1, {kind}_updated_at = now()
from opened
where r.id = opened.registration_id
returning r.id
