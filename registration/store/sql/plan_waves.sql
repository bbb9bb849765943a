-- Plans waves; one whose number is taken is left as it was.
-- $1 numbers, $2 openings, $3 closings, $4 quotas, $5 hashes of the lotteries' seeds, $6 nonces: arrays of one length.
-- Returns the numbers that are new. A time that another wave has is refused by the table.
insert into waves (number, opens_at, closes_at, quota, seed_commitment, lottery_nonce)
select * from unnest($1::int[], $2::timestamptz[], $3::timestamptz[], $4::int[], $5::text[], $6::bytea[])
on conflict (number) do nothing
returning number
