-- How much {kind} work is open: due now, due within so many seconds (each further than the one before), set aside; and how
-- long the oldest that is due has waited.
-- $1 seconds, growing.
with work as (
    select {kind}_due_at = 'infinity' as is_set_aside,
        case when {kind}_due_at = 'infinity' then null else extract(epoch from {kind}_due_at - now())::float8 end as due_in
    from registrations
    where {kind}_state in ('pending', 'delayed')
),
counted as (
    select width_bucket(greatest(due_in, 0), array[0.0] || $1::float8[]) as span, count(*) as count,
        count(*) filter (where due_in <= 0) as due, max(-due_in) as oldest
    from work
    where not is_set_aside
    group by span
)
select
    coalesce((select sum(count) from counted), 0)::bigint as open,
    (select count(*) from work where is_set_aside) as set_aside,
    coalesce((select sum(due) from counted), 0)::bigint as due,
    greatest(coalesce((select max(oldest) from counted), 0), 0)::float8 as oldest_due_seconds,
    array(
        select coalesce((select c.count - c.due from counted as c where c.span = s.span), 0)
        from generate_series(1, cardinality($1::float8[]) + 1) as s (span)
        order by s.span
    ) as later
