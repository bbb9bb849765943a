-- Closes an opened wave for good. Waits for the joins that are under way; later ones see that it is closed.
-- $1 number, $2 whether also before its closing time.
update waves set closed_at = clock_timestamp()
where number = $1 and opened_at is not null and closed_at is null and ($2::bool or clock_timestamp() >= closes_at)
returning number
