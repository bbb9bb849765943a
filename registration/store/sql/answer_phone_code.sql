-- The right code was typed.
-- $1 id, $2 the code's generation, $3 states from which the answer is legal. Returns a row when it counted. A dead letter
-- of the sending is closed.
with answered as (
    update registrations as r
    set phone_state = 'verified', phone_cause = null, phone_version = phone_version + 1, phone_updated_at = now()
    where r.id = $1 and r.phone_state = any($3::check_state[])
        and $2 = (select max(generation) from challenges where registration_id = $1 and kind = 'phone')
    returning r.id
),
closed as (
    update dead_letters as d set closed_at = now() from answered
    where d.registration_id = answered.id and d.kind = 'phone' and d.closed_at is null
)
select id from answered
