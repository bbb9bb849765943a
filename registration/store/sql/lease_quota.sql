-- Leases calls of today's quota of one registry ({table}); the row's lock lets one worker after the other in.
-- $1 the quota, $2 how many are wanted. Returns the day, how many are leased by this, how many nobody has leased yet, and
-- the seconds until the day ends in Jakarta (UTC+7, no daylight saving).
insert into {table} as q (day, leased, last_lease)
values ((now() at time zone interval '7 hours')::date, least($1::bigint, $2::bigint), least($1::bigint, $2::bigint))
on conflict (day) do update
set leased = q.leased + least($2::bigint, greatest(0, $1::bigint - q.leased)),
    last_lease = least($2::bigint, greatest(0, $1::bigint - q.leased))
returning
    day, last_lease as calls, greatest(0, $1::bigint - leased) as left_over,
    extract(epoch from (day + 1)::timestamp - (clock_timestamp() at time zone interval '7 hours'))::float8 as seconds
