-- Begins the student check of those whose NIK is verified, the longest registered first. A row that somebody is writing to
-- is left for the next time.
-- $1 how many at most. Returns whose check has begun.
with chosen as (
    select id
    from registrations
    where student_state is null and nik_state = 'verified'
    order by received_at
    limit $1
    for update skip locked
)
update registrations as r
set student_state = 'pending', student_due_at = now(), student_updated_at = now()
from chosen
where r.id = chosen.id
returning r.id
