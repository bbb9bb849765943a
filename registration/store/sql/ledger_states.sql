-- The books: for each check how many registrations stand in each state. One statement, so one snapshot.
-- A check that has not begun (photo, student) is a row of its own. Registrations are counted once, by all their states.
with stands as (
    select nik_state, email_state, phone_state, photo_state, student_state, count(*) as count
    from registrations
    group by nik_state, email_state, phone_state, photo_state, student_state
)
select check_name, coalesce(state::text, 'none') as state, sum(count)::bigint as count
from stands
cross join lateral (
    values ('nik', nik_state), ('email', email_state), ('phone', phone_state), ('photo', photo_state),
        ('student', student_state)
) as checks (check_name, state)
group by check_name, state
union all
select 'accepted', 'accepted', coalesce(sum(count), 0)::bigint from stands
