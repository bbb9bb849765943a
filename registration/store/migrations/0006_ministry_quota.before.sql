-- Calls to the ministry that workers have leased of a day's quota. A day is Jakarta's. What a worker that died had left of
-- its lease counts as used.
create table ministry_quota (
    day date primary key,
    leased bigint not null check (leased >= 0),
    last_lease bigint not null -- of the write that came last: what it returned to its caller
);
