-- How much {kind} work is open, by when it is due: span 0 has come due, span n is due within the n-th of so many seconds
-- ($1, growing), the one behind them later, and the last one never, since it is set aside.
with edges as (
    select array[now()] || array(
        select now() + make_interval(secs => seconds) from unnest($1::float8[]) as seconds order by seconds
    ) || array[timestamptz 'infinity'] as moments
)
select
    width_bucket({kind}_due_at, (select moments from edges)) as span,
    count(*) as count,
    extract(epoch from now() - min({kind}_due_at))::float8 as longest_due_seconds
from registrations
where {kind}_state in ('pending', 'delayed')
group by span
