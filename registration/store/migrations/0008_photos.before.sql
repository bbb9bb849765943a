-- Photos (docs/decisions/0022). The check has the same columns as the others, but begins only when a photo was sent: until
-- then its state is null. Without defaults, taking in a registration costs nothing more.
alter table registrations
    add column photo_state check_state,
    add column photo_version integer not null default 0,
    add column photo_attempts smallint not null default 0,
    add column photo_due_at timestamptz,
    add column photo_updated_at timestamptz,
    add column photo_reason text,
    add column photo_cause text,
    add constraint photo_reason_when_rejected
        check ((photo_state is not distinct from 'rejected') = (photo_reason is not null));

create index registrations_photo_due on registrations (photo_due_at) where photo_state in ('pending', 'delayed');

alter table dead_letters
    drop constraint dead_letters_kind_check,
    add constraint dead_letters_kind_check check (kind in ('nik', 'email', 'phone', 'photo'));

-- A photo on its way or whole. Its own key seals its objects and is itself sealed by the key ring: with the row the photo
-- is destroyed, wherever copies of its objects lie, and when a sealing key changes no object has to be written again.
-- upload_digest is a keyed digest of the key that the applicant's browser chose, so that parts find each other again.
create table photos (
    registration_id uuid not null references registrations on delete cascade,
    upload_digest bytea not null,
    sealed_key bytea not null,
    size_bytes integer not null,
    received_bytes integer not null default 0,
    started_at timestamptz not null default now(),
    completed_at timestamptz,
    cleaned_at timestamptz, -- when the worker had put its own picture in the place of what was sent
    primary key (registration_id, upload_digest)
);

create index photos_unfinished on photos (started_at) where completed_at is null;

-- What lies in the object store. A name is noted before its object is written, so that nothing can lie there unknown; an
-- object without a photo is waste, which the photo workers remove.
create table photo_objects (
    name text primary key,
    noted_at timestamptz not null default now(),
    registration_id uuid,
    upload_digest bytea,
    start_byte integer,
    length_bytes integer,
    foreign key (registration_id, upload_digest) references photos on delete set null,
    unique (registration_id, upload_digest, start_byte)
);

create index photo_objects_waste on photo_objects (noted_at) where registration_id is null;
