-- Moves that were made twice: two from one version, or two into the same end.
select
    (select count(*) from (
        select from chaos_journal group by id, kind, old_version having count(*) > 1
    ) as from_one_version)
    + (select count(*) from (
        select from chaos_journal where new_state in ('verified', 'rejected') group by id, kind, new_state having count(*) > 1
    ) as into_one_end) as count
