-- Uses up a mail link: the newest generation only, in time, once. The row lock makes parallel answers queue.
-- $1 id, $2 generation, $3 states from which the answer is legal.
-- Returns the state of the NIK check when the link counted; no row otherwise. A dead letter of the sending is closed.
with answered as (
    update registrations as r
    set email_state = 'verified', email_cause = null, email_version = email_version + 1, email_updated_at = now()
    where r.id = $1 and r.email_state = any($3::check_state[])
        and $2 = (select max(generation) from challenges where registration_id = $1 and kind = 'email')
        and exists (
            select from challenges
            where registration_id = $1 and kind = 'email' and generation = $2
                and (expires_at is null or expires_at > now())
        )
    returning r.id, r.nik_state
),
closed as (
    update dead_letters as d set closed_at = now() from answered
    where d.registration_id = answered.id and d.kind = 'email' and d.closed_at is null
)
select nik_state from answered
