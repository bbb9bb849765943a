-- Of these ids, those whose {kind} check is open and due, with the generation of the link or code to send. The first
-- generation is opened here; later ones are opened by whoever asks for a new link or corrects the address. A worker that
-- died after sending finds the same generation again, so the second message carries the same secret.
-- $1 ids.
with work as (
    select id, sealed, identity_digest, {kind}_version as version, {kind}_attempts as attempts
    from registrations
    where id = any($1::uuid[]) and {kind}_state in ('pending', 'delayed') and {kind}_due_at <= now()
),
latest as (
    select registration_id, max(generation) as generation
    from challenges
    where registration_id = any($1::uuid[]) and kind = '{kind}'
    group by registration_id
),
opened as (
    insert into challenges (registration_id, kind, generation)
    select work.id, '{kind}', 1
    from work left join latest on latest.registration_id = work.id
    where latest.generation is null
    order by work.id
    on conflict do nothing
)
select work.id, work.sealed, work.identity_digest, work.version, work.attempts,
    coalesce(latest.generation, 1) as generation
from work left join latest on latest.registration_id = work.id
