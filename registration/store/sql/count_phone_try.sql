-- Counts a try of the newest phone code before it is compared, so that parallel guesses all count.
-- $1 id, $2 tries allowed. Returns the code's generation; no row when there is no live code with a try left.
update challenges as c
set tries = tries + 1
where c.registration_id = $1 and c.kind = 'phone'
    and c.generation = (select max(generation) from challenges where registration_id = $1 and kind = 'phone')
    and c.tries < $2 and (c.expires_at is null or c.expires_at > now())
returning c.generation
