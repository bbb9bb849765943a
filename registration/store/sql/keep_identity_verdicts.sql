-- Remembers what the registry said of identities, for everyone who asks about the same.
-- $1 identity digests, $2 states, $3 reasons.
insert into identity_verdicts (identity_digest, state, reason)
select distinct on (identity_digest) identity_digest, state, reason
from unnest($1::bytea[], $2::check_state[], $3::text[]) as v (identity_digest, state, reason)
order by identity_digest, state -- 'verified' comes before 'rejected': of two answers in one batch it stays
on conflict (identity_digest) do update
    set state = excluded.state, reason = excluded.reason, decided_at = now()
    where identity_verdicts.state <> 'verified' -- a confirmation is for good: a late answer must not take it back
