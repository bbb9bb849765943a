-- How far an applicant is in phases two and three. $1 registration, $2 whether a student check is asked for.
-- The wave is the one that is open or, when none is, the next one. Attempt and participation are those of the open wave or,
-- when none is open, the newest: a closing takes nothing from sight. The result is of the newest wave that was announced.
with wave as (
    select number, opens_at, closes_at, quota, seed_commitment,
        opened_at is not null and closed_at is null and clock_timestamp() >= opens_at as open
    from waves
    where closed_at is null and clock_timestamp() < closes_at
    order by closes_at
    limit 1
),
attempt as (
    select a.wave, a.bank_version, a.started_at, a.deadline_at, a.answers, a.submitted_at, a.motivation, a.maths
    from assessments as a left join wave on true
    where a.registration_id = $1 and (wave.open is not true or a.wave = wave.number)
    order by a.wave desc
    limit 1
),
result as (
    select j.wave, j.ticket, j.rank, coalesce(j.selected, false) as selected
    from joins as j join waves as w on w.number = j.wave
    where j.registration_id = $1 and w.announce_at <= clock_timestamp()
    order by j.wave desc
    limit 1
)
select
    clock_timestamp() as now,
    exists (select from nik_owners where registration_id = $1)
        and (not $2::boolean or coalesce(r.student_state = 'verified', false)) as complete,
    exists (select from nik_owners as o join beneficiaries as b on b.nik_digest = o.nik_digest
        join waves as w on w.number = b.wave
        where o.registration_id = $1 and w.announce_at <= clock_timestamp()) as benefits,
    wave.number, wave.opens_at, wave.closes_at, wave.quota, wave.seed_commitment, wave.open,
    a.wave as test_wave, a.bank_version, a.started_at, a.deadline_at, a.answers, a.submitted_at, a.motivation, a.maths,
    j.wave as joined_wave, j.ticket, j.joined_at,
    result.wave as result_wave, result.ticket as result_ticket, result.rank, result.selected
from registrations as r
left join wave on true
left join attempt as a on true
left join joins as j on j.registration_id = r.id and j.wave = a.wave
left join result on true
where r.id = $1
