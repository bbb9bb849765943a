-- The table of both peers, each in a database of its own. The keys of the unique index are the clients'.
create table if not exists registrations (
    id uuid primary key default gen_random_uuid(),
    idempotency_key text not null unique,
    received_at timestamptz not null default now(),
    name text not null,
    birth_place text not null,
    birth_date date not null,
    nik text not null,
    email text not null,
    phone text not null,
    nik_state text not null default 'pending',
    email_state text not null default 'pending'
)
