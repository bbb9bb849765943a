-- The books: for each check how many registrations stand in each state. One statement, so one snapshot.
-- A check that has not begun (photo, student) is a row of its own.
select check_name, coalesce(state::text, 'none') as state, count(*) as count
from registrations
cross join lateral (
    values ('nik', nik_state), ('email', email_state), ('phone', phone_state), ('photo', photo_state),
        ('student', student_state)
) as checks (check_name, state)
group by check_name, state
union all
select 'accepted', 'accepted', count(*) from registrations
