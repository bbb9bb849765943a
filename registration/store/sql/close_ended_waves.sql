-- Closes opened waves whose time is up, for good. A wave that joins hold is waited for.
update waves set closed_at = clock_timestamp()
where opened_at is not null and closed_at is null and clock_timestamp() >= closes_at
returning number
