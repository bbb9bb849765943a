-- Gives calls of a day's quota back that were leased and not made.
-- $1 the day, $2 how many.
update {table}
set leased = greatest(0, leased - $2::bigint)
where day = $1::date
