-- NIK checks that are due and whose e-mail is verified: they go first.
-- $1 how many at most.
select id
from registrations
where nik_state in ('pending', 'delayed') and email_state = 'verified' and nik_due_at <= now()
order by nik_due_at
limit $1
