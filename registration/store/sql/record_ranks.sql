-- Writes where entries came. $1 wave, $2 tickets, $3 ranks, $4 whether selected: arrays of one length.
update joins set rank = r.rank, selected = r.selected
from unnest($2::uuid[], $3::int[], $4::bool[]) as r (ticket, rank, selected)
where joins.wave = $1 and joins.ticket = r.ticket
