-- Work that is open and due, the longest-waiting first: what the relay offers to the stream.
-- $1 how many at most.
select id
from registrations
where {kind}_state in ('pending', 'delayed') and {kind}_due_at <= now()
order by {kind}_due_at
limit $1
