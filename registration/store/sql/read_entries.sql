-- Who takes part in the selection of a wave: everybody who joined and has not been selected in another. $1 number.
select j.ticket, j.motivation, j.maths, j.affected
from joins as j
where j.wave = $1 and not exists (select from beneficiaries as b where b.nik_digest = j.nik_digest)
