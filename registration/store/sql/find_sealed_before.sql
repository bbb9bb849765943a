-- The next registrations, in the order of their ids, that stand under a sealing key older than the one given. A key's id
-- is the beginning of what it sealed, so older ids compare as smaller.
-- $1 the last id seen, $2 the prefix of the key to move to, $3 how many at most.
select id, sealed
from registrations
where id > $1 and sealed < $2
order by id
limit $3
