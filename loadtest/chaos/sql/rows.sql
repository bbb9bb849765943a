-- Every registration with where its checks stand.
select id, nik_state::text as nik, email_state::text as email, phone_state::text as phone
from registrations
