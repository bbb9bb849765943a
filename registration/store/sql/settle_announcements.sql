-- Writes what came of messages. $1 waves, $2 registrations, $3 channels, $4 causes (null: it was sent), $5 seconds until the
-- next try (null: there will be none): arrays of one length.
update announcements as a
set sent_at = case when s.cause is null then clock_timestamp() end,
    cause = s.cause,
    given_up_at = case when s.cause is not null and s.wait is null then clock_timestamp() end,
    due_at = clock_timestamp() + make_interval(secs => coalesce(s.wait, 0))
from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::float8[]) as s (wave, registration_id, channel, cause, wait)
where a.wave = s.wave and a.registration_id = s.registration_id and a.channel = s.channel and a.sent_at is null
