-- Strikes objects that are gone off the list.
-- $1 names.
delete from photo_objects where name = any($1::text[]) and registration_id is null
