-- What of phases two and three waits: the oldest test that has ended and is not scored, and messages by channel and state.
-- $1 seconds after which a message that nobody took is overdue.
-- A try moves due_at on, so a message that was tried more than once is overdue whenever it is due next.
select channel, state, count(n.due_at) as messages,
    (select coalesce(extract(epoch from clock_timestamp() - min(coalesce(submitted_at, deadline_at))), 0)::float8
        from assessments
        where scored_at is null and coalesce(submitted_at, deadline_at) <= clock_timestamp()) as oldest_unscored_seconds
from unnest(array['email', 'phone']) as channel
cross join unnest(array['planned', 'due', 'overdue']) as state
left join lateral (
    select a.due_at
    from announcements as a
    where a.sent_at is null and a.given_up_at is null and a.channel = channel.channel
        and state.state = case
            when a.attempts > 1 or a.due_at < clock_timestamp() - make_interval(secs => $1::float8) then 'overdue'
            when a.attempts = 1 or a.due_at <= clock_timestamp() then 'due'
            else 'planned'
        end
) as n on true
group by channel, state
