-- What applicants corrected, one line each: which fields, never their values. content_digest is a keyed digest of what was
-- sent, so that the same request again is known. former_identity_digest finds the registry's verdict on the identity that
-- was left behind, so that an erasure destroys it too.
create table corrections (
    registration_id uuid not null references registrations on delete cascade,
    number smallint not null,
    corrected_at timestamptz not null default now(),
    fields text[] not null check (cardinality(fields) > 0),
    content_digest bytea not null,
    former_identity_digest bytea not null,
    primary key (registration_id, number)
);
