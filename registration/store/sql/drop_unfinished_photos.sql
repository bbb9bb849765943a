-- Destroys photos that were begun and never came whole.
-- $1 seconds since they were begun.
delete from photos where completed_at is null and started_at < now() - make_interval(secs => $1::float8)
