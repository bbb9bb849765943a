-- Records what a worker found out, by compare-and-set (decision 3): a write whose version or state is not as expected
-- changes nothing. Work that is set aside (wait_seconds null) also gets a dead letter.
-- $1 ids, $2 expected versions, $3 states, $4 reasons, $5 causes, $6 seconds until the next try (null: set aside),
-- $7 states from which the move is legal. Returns the ids that moved.
with outcome as (
    select *
    from unnest($1::uuid[], $2::int[], $3::check_state[], $4::text[], $5::text[], $6::float8[])
        as o (id, version, state, reason, cause, wait_seconds)
    order by id
),
moved as (
    update registrations as r
    set {kind}_state = o.state,
        {kind}_reason = o.reason,
        {kind}_cause = o.cause,
        {kind}_version = r.{kind}_version + 1,
        {kind}_attempts = r.{kind}_attempts + 1,
        {kind}_due_at = coalesce(now() + make_interval(secs => o.wait_seconds), 'infinity'),
        {kind}_updated_at = now()
    from outcome as o
    where r.id = o.id and r.{kind}_version = o.version and r.{kind}_state = any($7::check_state[])
    returning r.id, o.cause, o.wait_seconds, r.{kind}_attempts as attempts
),
set_aside as (
    insert into dead_letters (registration_id, kind, cause, attempts)
    select id, '{kind}', cause, attempts
    from moved
    where wait_seconds is null
    on conflict (registration_id, kind) where closed_at is null do nothing
)
select id from moved
