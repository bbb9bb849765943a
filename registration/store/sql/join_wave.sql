-- Lets a batch of applicants join a wave, in one commit.
-- $1 registrations, $2 their tickets: arrays of one length; $3 the wave, $4 whether a student check is asked for.
-- Returns for each registration what came of it: joined (now or before: also after the closing, so that whoever lost the
-- answer and asks again finds out), not_open, incomplete, not_tested, already_selected (in a wave that was announced:
-- before that nobody may learn it), or raced (another registration of the same person joined, who can only be its
-- earlier owner).
-- The wave's row is held in share, so that closing waits for this commit; whoever comes after the closing second by
-- PostgreSQL's clock finds it not open. Tickets are taken in order, so that overlapping batches cannot deadlock.
-- The moment that decides is the one that is written, or the clock could pass the closing between the two.
with moment as materialized (
    select clock_timestamp() as at
),
open_wave as (
    select waves.number, moment.at from waves cross join moment
    where waves.number = $3::int and opened_at is not null and closed_at is null
        and moment.at >= opens_at and moment.at < closes_at
    for share of waves
),
asked as (
    select batch.id, batch.ticket, w.number as wave, w.at,
        case when not $4::boolean or r.student_state = 'verified' then o.nik_digest end as nik_digest,
        a.motivation, a.maths, a.scored_at,
        j.registration_id is not null as joined_before,
        b.nik_digest is not null as already_selected,
        f.nik_digest is not null as affected
    from unnest($1::uuid[], $2::uuid[]) as batch (id, ticket)
    left join open_wave as w on true
    left join nik_owners as o on o.registration_id = batch.id
    left join registrations as r on $4::boolean and r.id = o.registration_id
    left join assessments as a on a.registration_id = batch.id and a.wave = w.number
    left join joins as j on j.registration_id = batch.id and j.wave = $3::int
    left join (beneficiaries as b join waves as told on told.number = b.wave and told.announce_at <= clock_timestamp())
        on b.nik_digest = o.nik_digest
    left join affected_workers as f on f.nik_digest = o.nik_digest
),
inserted as (
    insert into joins (wave, registration_id, nik_digest, ticket, motivation, maths, affected, joined_at)
    select distinct on (id) wave, id, nik_digest, ticket, motivation, maths, affected, at
    from asked
    where wave is not null and nik_digest is not null and scored_at is not null
        and not joined_before and not already_selected
    order by id
    on conflict do nothing
    returning registration_id
)
select asked.id,
    case
        when asked.joined_before or i.registration_id is not null then 'joined'
        when asked.wave is null then 'not_open'
        when asked.nik_digest is null then 'incomplete'
        when asked.already_selected then 'already_selected'
        when asked.scored_at is null then 'not_tested'
        else 'raced'
    end as outcome
from asked left join inserted as i on i.registration_id = asked.id
