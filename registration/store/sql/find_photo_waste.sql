-- Objects that belong to no photo. One that was noted a moment ago may be about to be written and taken.
-- $1 seconds since they were noted, $2 how many at most.
select name from photo_objects
where registration_id is null and noted_at < now() - make_interval(secs => $1::float8)
order by noted_at
limit $2
