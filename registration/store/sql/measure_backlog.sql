-- How much {kind} work is open, how much of that is set aside, and how long the oldest that is due has waited.
select
    count(*) filter (where {kind}_due_at < 'infinity') as open,
    count(*) filter (where {kind}_due_at = 'infinity') as set_aside,
    coalesce(extract(epoch from now() - min({kind}_due_at) filter (where {kind}_due_at <= now())), 0)::float8
        as oldest_due_seconds
from registrations
where {kind}_state in ('pending', 'delayed')
