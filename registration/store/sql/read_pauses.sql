-- What is paused now.
select kind, reason, paused_by, paused_at
from pauses
where resumed_at is null
order by kind
