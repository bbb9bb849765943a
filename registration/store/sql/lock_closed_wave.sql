-- Takes a wave that is closed and not yet selected for this transaction. $1 number.
select number, quota, seed_commitment, lottery_nonce from waves
where number = $1 and closed_at is not null and selected_at is null
for update
