-- Notes the name of an object that is about to be written.
-- $1 name.
insert into photo_objects (name) values ($1)
