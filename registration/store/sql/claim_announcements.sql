-- Takes messages that are due; each is due again after the lease, should its sender die.
-- $1 at most so many, $2 seconds of the lease.
with due as (
    select wave, registration_id, channel
    from announcements
    where sent_at is null and given_up_at is null and due_at <= clock_timestamp()
    order by due_at
    limit $1
    for update skip locked
)
update announcements as a
set due_at = clock_timestamp() + make_interval(secs => $2::float8), attempts = a.attempts + 1
from due, registrations as r, joins as j
where a.wave = due.wave and a.registration_id = due.registration_id and a.channel = due.channel
    and r.id = due.registration_id and j.wave = due.wave and j.registration_id = due.registration_id
returning a.wave, a.registration_id, a.channel, a.attempts, r.sealed, coalesce(j.selected, false) as selected
