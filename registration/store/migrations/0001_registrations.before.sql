-- Registrations and what hangs on them. Decisions 1 and 3: docs/decisions/0001, 0003.

create type check_state as enum ('pending', 'sent', 'verified', 'rejected', 'delayed');

-- One row per idempotency key. Personal data is sealed (AES-256-GCM); digests are keyed, so a copy of this table names
-- nobody. Each check has the same columns: version counts its writes and is what a compare-and-set expects to find;
-- reason is for the applicant, cause for on-call; due_at is when a worker may take it, infinity while it is set aside.
create table registrations (
    id uuid primary key,
    received_at timestamptz not null default now(),
    content_digest bytea not null,
    nik_digest bytea not null,
    identity_digest bytea not null,
    sealed bytea not null,

    nik_state check_state not null default 'pending',
    nik_version integer not null default 0,
    nik_attempts smallint not null default 0,
    nik_due_at timestamptz not null default now(),
    nik_updated_at timestamptz not null default now(),
    nik_reason text,
    nik_cause text,
    nik_misses smallint not null default 0, -- times the registry did not find it: waits grow with these, not with failures

    email_state check_state not null default 'pending',
    email_version integer not null default 0,
    email_attempts smallint not null default 0,
    email_due_at timestamptz not null default now(),
    email_updated_at timestamptz not null default now(),
    email_reason text,
    email_cause text,

    phone_state check_state not null default 'pending',
    phone_version integer not null default 0,
    phone_attempts smallint not null default 0,
    phone_due_at timestamptz not null default now(),
    phone_updated_at timestamptz not null default now(),
    phone_reason text,
    phone_cause text,

    constraint nik_reason_when_rejected check ((nik_state = 'rejected') = (nik_reason is not null)),
    constraint email_reason_when_rejected check ((email_state = 'rejected') = (email_reason is not null)),
    constraint phone_reason_when_rejected check ((phone_state = 'rejected') = (phone_reason is not null))
);

-- Work that waits, oldest first: what the relay reads. Only open checks are in these.
create index registrations_nik_due on registrations (nik_due_at) where nik_state in ('pending', 'delayed');
create index registrations_nik_priority_due on registrations (nik_due_at)
    where nik_state in ('pending', 'delayed') and email_state = 'verified';
create index registrations_email_due on registrations (email_due_at) where email_state in ('pending', 'delayed');
create index registrations_phone_due on registrations (phone_due_at) where phone_state in ('pending', 'delayed');

-- What the registry said of an identity (NIK, name, birth date and place), so that asking twice costs one call.
create table identity_verdicts (
    identity_digest bytea primary key,
    state check_state not null check (state in ('verified', 'rejected')),
    reason text,
    decided_at timestamptz not null default now(),
    constraint identity_reason_when_rejected check ((state = 'rejected') = (reason is not null))
);

-- Links and codes that went out. The secrets themselves are derived from a key outside PostgreSQL and stored nowhere.
create table challenges (
    registration_id uuid not null references registrations on delete cascade,
    kind text not null check (kind in ('email', 'phone')),
    generation smallint not null,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    expires_at timestamptz,
    tries smallint not null default 0,
    primary key (registration_id, kind, generation)
);

-- Who owns a NIK: the first registration whose three checks are all verified.
create table nik_owners (
    nik_digest bytea primary key,
    registration_id uuid not null unique references registrations on delete cascade,
    owned_at timestamptz not null default now()
);

-- Whichever check is verified last, by whichever process: here, in the same transaction, the NIK finds its one owner.
-- A racing transaction waits at the primary key and then loses.
create function settle_nik_owner() returns trigger language plpgsql as $$
begin
    insert into nik_owners (nik_digest, registration_id) values (new.nik_digest, new.id)
        on conflict (nik_digest) do nothing;
    if not exists (select from nik_owners where nik_digest = new.nik_digest and registration_id = new.id) then
        new.nik_state := 'rejected';
        new.nik_reason := 'nik_already_registered';
        new.nik_cause := null;
        new.nik_version := new.nik_version + 1;
        new.nik_updated_at := now();
    end if;
    return new;
end
$$;

create trigger settle_nik_owner
    before update of nik_state, email_state, phone_state on registrations
    for each row
    when (new.nik_state = 'verified' and new.email_state = 'verified' and new.phone_state = 'verified')
    execute function settle_nik_owner();

-- Work that trying again cannot help, kept until a person replays it or the applicant settles it by answering; its check
-- is delayed with due_at = infinity.
create table dead_letters (
    id bigint generated always as identity primary key,
    registration_id uuid not null references registrations on delete cascade,
    kind text not null check (kind in ('nik', 'email', 'phone')),
    cause text not null,
    attempts integer not null,
    died_at timestamptz not null default now(),
    closed_at timestamptz
);

create unique index dead_letters_open on dead_letters (registration_id, kind) where closed_at is null;
