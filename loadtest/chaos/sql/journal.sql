-- A book of every move of every check, kept by PostgreSQL itself for the length of a fault run: what a double or an
-- illegal move cannot hide from.
create table if not exists chaos_journal (
    id uuid not null,
    kind text not null,
    old_state check_state not null,
    new_state check_state not null,
    old_version integer not null,
    new_version integer not null,
    reason text
);

create or replace function chaos_note_move() returns trigger language plpgsql as $$
begin
    if new.nik_version <> old.nik_version or new.nik_state <> old.nik_state then
        insert into chaos_journal
        values (new.id, 'nik', old.nik_state, new.nik_state, old.nik_version, new.nik_version, new.nik_reason);
    end if;
    if new.email_version <> old.email_version or new.email_state <> old.email_state then
        insert into chaos_journal
        values (new.id, 'email', old.email_state, new.email_state, old.email_version, new.email_version, new.email_reason);
    end if;
    if new.phone_version <> old.phone_version or new.phone_state <> old.phone_state then
        insert into chaos_journal
        values (new.id, 'phone', old.phone_state, new.phone_state, old.phone_version, new.phone_version, new.phone_reason);
    end if;
    return null;
end
$$;

drop trigger if exists chaos_note_move on registrations;

create trigger chaos_note_move after update on registrations for each row execute function chaos_note_move();
