-- Plans the announcement of a wave that is selected, once: the result may be seen from a time on, and from then on mails and
-- text messages go out at a rate, the selected first.
-- $1 wave, $2 time, $3 messages a second. Returns how many messages were planned; none when it was planned before.
with wave as (
    update waves set announce_at = $2
    where number = $1 and selected_at is not null and announce_at is null
    returning number
),
planned as (
    insert into announcements (wave, registration_id, channel, due_at)
    select j.wave, j.registration_id, channel,
        $2 + make_interval(secs => (row_number() over (order by j.selected desc nulls last, j.rank, channel) - 1) / $3::float8)
    from wave join joins as j on j.wave = wave.number
    cross join unnest(array['email', 'phone']) as channel
    returning 1
)
select (select count(*) from wave) as waves, (select count(*) from planned) as messages
