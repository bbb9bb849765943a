-- How many calls of today's quota are leased, and the seconds until the day ends in Jakarta (UTC+7, no daylight saving).
with today as (
    select (now() at time zone interval '7 hours')::date as day
)
select
    coalesce(q.leased, 0) as leased,
    extract(epoch from (today.day + 1)::timestamp - (now() at time zone interval '7 hours'))::float8 as seconds
from today left join {table} as q on q.day = today.day
