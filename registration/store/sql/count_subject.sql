-- What an erasure of these registrations would destroy.
-- $1 ids.
select
    (select count(*) from registrations where id = any($1::uuid[])) as registrations,
    (select count(*) from challenges where registration_id = any($1::uuid[])) as challenges,
    (select count(*) from dead_letters where registration_id = any($1::uuid[])) as dead_letters,
    (select count(*) from photos where registration_id = any($1::uuid[])) as photos,
    (select count(*) from nik_owners where registration_id = any($1::uuid[])) as nik_owners
