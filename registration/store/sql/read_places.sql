-- Where everybody came, by rank: what is published. $1 number.
select ticket, motivation, maths, affected, rank, selected from joins where wave = $1 and rank is not null order by rank
