-- Opens a planned wave; a wave that was opened, closed or is over is left as it was.
-- $1 number, $2 who, $3 digest of the capacity proof or null, $4 reason for opening without one or null.
update waves set opened_at = clock_timestamp(), opened_by = $2, proof = $3, override_reason = $4
where number = $1 and opened_at is null and closed_at is null and clock_timestamp() < closes_at
returning number
