-- Writes scores; one that is there already stays. $1 registrations, $2 waves, $3 motivation, $4 maths: arrays of one length.
update assessments as a set motivation = s.motivation, maths = s.maths, scored_at = clock_timestamp()
from unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) as s (registration_id, wave, motivation, maths)
where a.registration_id = s.registration_id and a.wave = s.wave and a.scored_at is null
