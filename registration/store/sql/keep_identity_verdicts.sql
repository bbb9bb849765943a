-- Remembers what the registry said of identities, for everyone who asks about the same. Not of a registration that was
-- erased while the registry was asked: the row lock makes an erasure wait for this commit, or this find nothing.
-- $1 registration ids, $2 identity digests, $3 states, $4 reasons.
with told as (
    select v.identity_digest, v.state, v.reason
    from unnest($1::uuid[], $2::bytea[], $3::check_state[], $4::text[]) as v (id, identity_digest, state, reason)
    join registrations as r on r.id = v.id
    for key share of r
)
insert into identity_verdicts (identity_digest, state, reason)
select distinct on (identity_digest) identity_digest, state, reason
from told
order by identity_digest, state -- 'verified' comes before 'rejected': of two answers in one batch it stays
on conflict (identity_digest) do update
    set state = excluded.state, reason = excluded.reason, decided_at = now()
    where identity_verdicts.state <> 'verified' -- a confirmation is for good: a late answer must not take it back
