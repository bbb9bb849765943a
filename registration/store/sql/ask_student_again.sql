-- Gives the student check of somebody who was rejected back to the workers, so long after the rejection.
-- $1 id, $2 seconds, $3 states from which it is legal. Returns one row where there is such a check: whether it was given
-- back, and seconds until it can be.
with registration as (
    select id, extract(epoch from student_updated_at - now())::float8 + $2::float8 as wait_seconds
    from registrations
    where id = $1 and student_state = any($3::check_state[])
    for update
),
reopened as (
    update registrations as r
    set student_state = 'pending', student_reason = null, student_cause = null, student_attempts = 0,
        student_version = student_version + 1, student_due_at = now(), student_updated_at = now()
    from registration
    where r.id = registration.id and registration.wait_seconds <= 0
    returning r.id
)
select exists (select from reopened) as reopened, wait_seconds from registration
