-- Phases two and three: waves, the test, joining, selection. Decisions: docs/decisions (waves).

-- One row per wave. It can be joined while it was opened, is not closed, and PostgreSQL's clock stands within its times.
-- The lottery's seed is fixed with the plan: its hash is public from then on; the seed itself follows from the nonce and the key
-- ring, and is written here when the wave is selected.
create table waves (
    number integer primary key check (number > 0),
    opens_at timestamptz not null,
    closes_at timestamptz not null,
    quota integer not null check (quota > 0),
    seed_commitment text not null,
    lottery_nonce bytea not null,
    lottery_seed bytea,
    planned_at timestamptz not null default now(),
    opened_at timestamptz,
    opened_by text,
    proof text, -- digest of the capacity proof under which it was opened
    override_reason text, -- why it was opened without one
    closed_at timestamptz,
    selected_at timestamptz,
    rules jsonb, -- what a point was worth when it was selected
    announce_at timestamptz, -- from when on everybody may see the result
    constraint waves_open_before_they_close check (opens_at < closes_at),
    constraint waves_open_with_proof_or_reason check (opened_at is null or proof is not null or override_reason is not null),
    constraint waves_close_before_selection check (selected_at is null or closed_at is not null),
    constraint waves_select_before_announcement check (announce_at is null or selected_at is not null),
    constraint waves_one_at_a_time exclude using gist (tstzrange(opens_at, closes_at) with &&)
);

-- One attempt at the test per applicant and wave. The paper follows from a secret seed; only answers are kept.
create table assessments (
    registration_id uuid not null references registrations on delete cascade,
    wave integer not null references waves,
    bank_version integer not null,
    started_at timestamptz not null default clock_timestamp(),
    deadline_at timestamptz not null,
    answers smallint[] not null,
    submitted_at timestamptz,
    motivation smallint,
    maths smallint,
    scored_at timestamptz,
    primary key (registration_id, wave),
    constraint assessments_scored_whole check ((scored_at is null) = (motivation is null) and (scored_at is null) = (maths is null))
);

-- What the scorer looks for: ended, by hand or by the deadline, and not scored.
create index assessments_unscored on assessments (coalesce(submitted_at, deadline_at)) where scored_at is null;

-- Workers whom ministries and local offices named. Only the NIK's digest is kept: nothing else of a list is needed.
create table affected_workers (
    nik_digest bytea primary key,
    source text not null,
    imported_at timestamptz not null default now()
);

-- Who joined which wave, under a ticket that names nobody; after selection also where they came.
create table joins (
    wave integer not null references waves,
    registration_id uuid not null references registrations on delete cascade,
    nik_digest bytea not null,
    ticket uuid not null,
    joined_at timestamptz not null default clock_timestamp(),
    motivation smallint not null,
    maths smallint not null,
    affected boolean not null,
    rank integer,
    selected boolean,
    primary key (wave, registration_id),
    unique (wave, nik_digest),
    unique (wave, ticket),
    constraint joins_ranked_whole check ((rank is null) = (selected is null))
);

-- Who receives the benefit: a person once in a lifetime, whatever races. The digest alone outlives an erasure, since the
-- promise of once in a lifetime has to.
create table beneficiaries (
    nik_digest bytea primary key,
    registration_id uuid references registrations on delete set null,
    wave integer not null references waves,
    selected_at timestamptz not null default now()
);
create index beneficiaries_wave on beneficiaries (wave);

-- Mails and text messages that tell the result, each due at a planned time. A sender takes one by moving due_at on; one
-- that dies leaves it due again.
create table announcements (
    wave integer not null references waves,
    registration_id uuid not null references registrations on delete cascade,
    channel text not null check (channel in ('email', 'phone')),
    due_at timestamptz not null,
    attempts smallint not null default 0,
    sent_at timestamptz,
    cause text, -- why the last try failed, or why there will be no other: then given_up_at is set
    given_up_at timestamptz,
    primary key (wave, registration_id, channel)
);
create index announcements_due on announcements (due_at) where sent_at is null and given_up_at is null;
