-- Uses up a mail link: the newest generation only, in time, once. The row lock makes parallel answers queue.
-- $1 id, $2 generation, $3 states from which the answer is legal.
-- Returns the state of the NIK check when the link counted; no row otherwise.
update registrations as r
set email_state = 'verified', email_cause = null, email_version = email_version + 1, email_updated_at = now()
where r.id = $1 and r.email_state = any($3::check_state[])
    and $2 = (select max(generation) from challenges where registration_id = $1 and kind = 'email')
    and exists (
        select from challenges
        where registration_id = $1 and kind = 'email' and generation = $2
            and (expires_at is null or expires_at > now())
    )
returning r.nik_state
