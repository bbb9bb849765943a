-- Makes whoever allows codes queue, so that each sees what the other allowed. Released by the commit.
select pg_advisory_xact_lock(7236591101) -- any constant that only this statement uses
