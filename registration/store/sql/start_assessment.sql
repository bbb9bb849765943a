-- Begins, or finds again, an applicant's only attempt in the wave that is open.
-- $1 registration, $2 version of the bank, $3 minutes, $4 questions, $5 whether a student check is asked for.
-- Returns no row when the applicant is not complete or no wave is open. The deadline is never later than the wave's end.
with open_wave as (
    select number, closes_at from waves
    where opened_at is not null and closed_at is null
        and clock_timestamp() >= opens_at and clock_timestamp() < closes_at
),
begun as (
    insert into assessments (registration_id, wave, bank_version, deadline_at, answers)
    select o.registration_id, w.number, $2,
        least(clock_timestamp() + make_interval(mins => $3::int), w.closes_at), array_fill(null::smallint, array[$4::int])
    from open_wave as w
    join nik_owners as o on o.registration_id = $1
    join registrations as r on r.id = o.registration_id and (not $5::boolean or r.student_state = 'verified')
    on conflict do nothing
    returning wave as test_wave, bank_version, started_at, deadline_at, answers, submitted_at, motivation, maths
)
select *, clock_timestamp() as now from begun
union all
select a.wave as test_wave, a.bank_version, a.started_at, a.deadline_at, a.answers, a.submitted_at, a.motivation, a.maths, clock_timestamp()
from assessments as a join open_wave as w on w.number = a.wave
where a.registration_id = $1
limit 1
