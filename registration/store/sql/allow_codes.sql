-- Which codes may be sent now. What was allowed before is allowed again, uncounted: a worker died, or the gateway failed.
-- Those of a batch are counted in its order, as if they came one after the other.
-- $1 registration ids, $2 generations, $3 number digests, $4 range digests, $5 codes an hour for a number, $6 codes an hour
-- for a range, $7 codes from which a range is judged by its answers, $8 least share of them that is answered, $9 codes a day.
-- Returns for each id why it may not (null: it may), and seconds until it may be asked again.
with asked as (
    select a.*, c.reserved_at is not null as allowed_before,
        row_number() over (partition by a.number_digest order by a.place) as nth_of_number,
        row_number() over (partition by a.range_digest order by a.place) as nth_of_range,
        row_number() over (order by a.place) as nth
    from unnest($1::uuid[], $2::int[], $3::bytea[], $4::bytea[]) with ordinality
        as a (id, generation, number_digest, range_digest, place)
    join challenges as c on c.registration_id = a.id and c.kind = 'phone' and c.generation = a.generation
),
numbers as (
    select c.number_digest, count(*) as codes, extract(epoch from min(c.reserved_at) + interval '1 hour' - now()) as frees_in
    from challenges as c
    where c.number_digest in (select number_digest from asked) and c.reserved_at > now() - interval '1 hour'
    group by c.number_digest
),
ranges as (
    select c.range_digest, count(*) as codes, count(*) filter (where r.phone_state = 'verified') as answered,
        extract(epoch from min(c.reserved_at) + interval '1 hour' - now()) as frees_in
    from challenges as c join registrations as r on r.id = c.registration_id
    where c.range_digest in (select range_digest from asked) and c.reserved_at > now() - interval '1 hour'
    group by c.range_digest
),
today as (
    select (now() at time zone 'Asia/Jakarta')::date as day
),
judged as (
    select a.id, a.generation, a.number_digest, a.range_digest, a.allowed_before,
        case
            when a.allowed_before then null
            when coalesce(n.codes, 0) + a.nth_of_number > $5::int then 'sms_number_limit'
            when coalesce(r.codes, 0) + a.nth_of_range > $7::int
                and coalesce(r.answered, 0) < $8::float8 * (coalesce(r.codes, 0) + a.nth_of_range - 1) then 'sms_unanswered_range'
            when coalesce(r.codes, 0) + a.nth_of_range > $6::int then 'sms_range_limit'
            when coalesce(d.allowed, 0) + a.nth > $9::bigint then 'sms_budget_spent'
        end as cause,
        greatest(n.frees_in, 1) as number_frees_in,
        greatest(r.frees_in, 60) as range_frees_in,
        extract(epoch from (t.day + 1)::timestamp at time zone 'Asia/Jakarta' - now()) as day_ends_in
    from asked as a
    cross join today as t
    left join numbers as n on n.number_digest = a.number_digest
    left join ranges as r on r.range_digest = a.range_digest
    left join sms_days as d on d.day = t.day
),
counted as (
    insert into sms_days as d (day, allowed)
    select t.day, count(*) from judged cross join today as t where judged.cause is null and not judged.allowed_before
    group by t.day
    on conflict (day) do update set allowed = d.allowed + excluded.allowed
),
noted as (
    update challenges as c
    set reserved_at = now(), number_digest = j.number_digest, range_digest = j.range_digest
    from judged as j
    where c.registration_id = j.id and c.kind = 'phone' and c.generation = j.generation
        and j.cause is null and not j.allowed_before
)
select id, cause,
    coalesce(case cause
        when 'sms_number_limit' then number_frees_in
        when 'sms_budget_spent' then day_ends_in
        else range_frees_in
    end, 60)::float8 as wait_seconds
from judged
