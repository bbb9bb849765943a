-- Gives the benefit to those who were selected. A person who has it already makes the whole transaction fail. $1 wave.
insert into beneficiaries (nik_digest, registration_id, wave)
select nik_digest, registration_id, wave from joins where wave = $1 and selected
order by nik_digest
