-- Of these ids, those whose NIK check is open and due, with what the registry already said of the same identity.
-- A retry is a check whose last call failed; one that found nobody, and is made again hours later, is none.
-- $1 ids, $2 days for which a rejection of an identity is remembered (a confirmation is remembered for good),
-- $3 the cause of a delay because nobody was found.
select
    r.id, r.sealed, r.identity_digest, r.nik_version as version, r.nik_attempts as attempts, r.nik_misses as misses,
    r.nik_state = 'delayed' and r.nik_cause is distinct from $3::text as is_retry,
    v.state as known_state, v.reason as known_reason
from registrations as r
left join identity_verdicts as v
    on v.identity_digest = r.identity_digest
    and (v.state = 'verified' or v.decided_at > now() - make_interval(secs => 86400 * $2::float8))
where r.id = any($1::uuid[]) and r.nik_state in ('pending', 'delayed') and r.nik_due_at <= now()
