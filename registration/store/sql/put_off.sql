-- Puts checks off without charging anything: only the due time moves, by compare-and-set like an outcome, and state,
-- cause, attempts and version stay. Each waits about as long again as it has waited since it last moved.
-- $1 ids, $2 expected versions, $3 states from which it is legal, $4 least and $5 most seconds.
with put_off as (
    select * from unnest($1::uuid[], $2::int[]) as p (id, version) order by id
)
update registrations as r
set {kind}_due_at = now() + make_interval(
    secs => least(greatest(extract(epoch from now() - r.{kind}_updated_at)::float8, $4::float8), $5::float8)
        * (0.75 + 0.5 * random())
)
from put_off as p
where r.id = p.id and r.{kind}_version = p.version and r.{kind}_state = any($3::check_state[])
    and r.{kind}_due_at < 'infinity'
returning r.id
