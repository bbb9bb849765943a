-- Every kind of move in the journal, with how often it happened.
select kind, old_state::text as source, new_state::text as target, new_version - old_version as steps,
    coalesce(reason, '') as reason, count(*) as count
from chaos_journal
group by 1, 2, 3, 4, 5
