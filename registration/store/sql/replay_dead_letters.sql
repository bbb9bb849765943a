-- Gives {kind} work that was set aside back to the workers, with its attempts forgotten.
-- $1 cause or null for every cause, $2 how many at most, $3 null or a moment: only those that died before. Returns what
-- was given back.
with chosen as (
    select id, registration_id
    from dead_letters
    where closed_at is null and kind = '{kind}' and ($1::text is null or cause = $1)
        and ($3::timestamptz is null or died_at < $3)
    order by died_at
    limit $2
    for update skip locked
),
replayed as (
    update dead_letters as d set closed_at = now() from chosen where d.id = chosen.id
)
update registrations as r
set {kind}_due_at = now(), {kind}_attempts = 0, {kind}_version = {kind}_version + 1
from chosen
where r.id = chosen.registration_id and r.{kind}_state in ('pending', 'delayed')
returning r.id
