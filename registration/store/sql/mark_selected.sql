-- The selection of a wave is final. $1 number, $2 the rules that were used, as JSON, $3 the lottery's seed, which is public from now on.
update waves set selected_at = clock_timestamp(), rules = $2::jsonb, lottery_seed = $3 where number = $1
