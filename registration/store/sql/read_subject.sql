-- Everything that is held about these registrations, whatever columns there are: a new one is in the export by itself.
-- Digests are left out, since they say nothing; the sealed data comes apart, to be opened.
-- $1 ids.
select
    r.id,
    r.sealed,
    (to_jsonb(r) - array['sealed', 'content_digest', 'nik_digest', 'identity_digest'])::text as registration,
    (
        select to_jsonb(v) - 'identity_digest'
        from identity_verdicts as v
        where v.identity_digest = r.identity_digest
    )::text as registry_verdict,
    (select to_jsonb(o.owned_at) from nik_owners as o where o.registration_id = r.id)::text as owns_nik_since,
    coalesce((
        select jsonb_agg(to_jsonb(c) - array['registration_id', 'number_digest', 'range_digest'] order by c.kind, c.generation)
        from challenges as c
        where c.registration_id = r.id
    ), '[]')::text as challenges,
    coalesce((
        select jsonb_agg(to_jsonb(d) - 'registration_id' order by d.id)
        from dead_letters as d
        where d.registration_id = r.id
    ), '[]')::text as dead_letters,
    coalesce((
        select jsonb_agg(
            to_jsonb(k) - array['registration_id', 'content_digest', 'former_identity_digest'] order by k.number
        )
        from corrections as k
        where k.registration_id = r.id
    ), '[]')::text as corrections,
    coalesce((
        select jsonb_agg(to_jsonb(p) - array['registration_id', 'upload_digest', 'sealed_key'] order by p.started_at)
        from photos as p
        where p.registration_id = r.id
    ), '[]')::text as photos,
    coalesce((
        select jsonb_agg(to_jsonb(t) - 'registration_id' order by t.wave)
        from assessments as t
        where t.registration_id = r.id
    ), '[]')::text as assessments,
    coalesce((
        select jsonb_agg(to_jsonb(j) - array['registration_id', 'nik_digest'] order by j.wave)
        from joins as j
        where j.registration_id = r.id
    ), '[]')::text as joins,
    coalesce((
        select jsonb_agg(to_jsonb(n) - 'registration_id' order by n.wave, n.channel)
        from announcements as n
        where n.registration_id = r.id
    ), '[]')::text as announcements,
    (select to_jsonb(b.wave) from beneficiaries as b where b.nik_digest = r.nik_digest)::text as benefits_of_wave,
    (select to_jsonb(f.source) from affected_workers as f where f.nik_digest = r.nik_digest)::text as listed_by,
    coalesce((
        select jsonb_agg(to_jsonb(a) - 'registration_id' order by a.id)
        from subject_actions as a
        where a.registration_id = r.id
    ), '[]')::text as actions
from registrations as r
where r.id = any($1::uuid[])
order by r.received_at, r.id
