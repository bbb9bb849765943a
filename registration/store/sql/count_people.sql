-- How many registrations came how far, and how full the server is: what the worker that keeps the books shows.
-- $1 whether a student check is asked for.
select
    (
        select count(*)
        from nik_owners as o
        where not $1::boolean
            or exists (select from registrations as r where r.id = o.registration_id and r.student_state = 'verified')
    ) as complete,
    (select count(*) from assessments) as begun,
    (select count(*) from assessments where coalesce(submitted_at, deadline_at) <= clock_timestamp()) as submitted,
    (select count(*) from assessments where scored_at is not null) as tested,
    (select count(*) from joins) as joined,
    (select count(*) from joins where selected) as selected,
    (select count(distinct (wave, registration_id)) from announcements where sent_at is not null) as announced,
    pg_database_size(current_database()) as database_bytes,
    (select count(*) from pg_stat_activity where backend_type = 'client backend') as sessions,
    current_setting('max_connections')::integer as sessions_limit
