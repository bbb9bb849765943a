-- Whether somebody is at school or university (docs/decisions/0024). The check has the same columns as the others, but
-- begins only once the NIK is verified, and only where it is asked for: until then its state is null. Without defaults,
-- taking in a registration costs nothing more.
alter table registrations
    add column student_state check_state,
    add column student_version integer not null default 0,
    add column student_attempts smallint not null default 0,
    add column student_due_at timestamptz,
    add column student_updated_at timestamptz,
    add column student_reason text,
    add column student_cause text,
    add constraint student_reason_when_rejected
        check ((student_state is not distinct from 'rejected') = (student_reason is not null));

create index registrations_student_due on registrations (student_due_at) where student_state in ('pending', 'delayed');

-- Whose check may begin, the longest registered first: everybody whose NIK is verified, where the check is not asked for.
create index registrations_student_to_begin on registrations (received_at)
    where student_state is null and nik_state = 'verified';

alter table dead_letters
    drop constraint dead_letters_kind_check,
    add constraint dead_letters_kind_check check (kind in ('nik', 'email', 'phone', 'photo', 'student'));

alter table pauses
    drop constraint pauses_kind_check,
    add constraint pauses_kind_check check (kind in ('nik', 'email', 'phone', 'photo', 'student'));

-- Calls to the registry of students that workers have leased of a day's quota, as in ministry_quota.
create table student_quota (
    day date primary key,
    leased bigint not null check (leased >= 0),
    last_lease bigint not null
);
