-- Ends the attempt that runs by hand; one that has ended is left as it was. $1 registration.
update assessments set submitted_at = clock_timestamp()
where registration_id = $1 and submitted_at is null and clock_timestamp() < deadline_at
returning wave
