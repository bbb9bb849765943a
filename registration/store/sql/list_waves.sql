-- All waves with what became of them, by number.
select
    w.number, w.opens_at, w.closes_at, w.quota, w.seed_commitment, w.lottery_nonce, w.lottery_seed, w.opened_at, w.opened_by, w.proof,
    w.override_reason, w.closed_at, w.selected_at, w.rules, w.announce_at,
    clock_timestamp() as now,
    (select count(*) from assessments as a where a.wave = w.number) as started,
    (select count(*) from assessments as a where a.wave = w.number and a.scored_at is not null) as scored,
    (select count(*) from joins as j where j.wave = w.number) as joined,
    (select count(*) from beneficiaries as b where b.wave = w.number) as selected,
    (select count(*) from announcements as n where n.wave = w.number and n.sent_at is not null) as told,
    (select count(*) from announcements as n where n.wave = w.number and n.sent_at is null) as untold
from waves as w
where $1::int is null or w.number = $1
order by w.number
