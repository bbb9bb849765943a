-- How many registrations stand under each sealing key. Reads the whole table.
select get_byte(sealed, 0) * 256 + get_byte(sealed, 1) as key_id, count(*) as count
from registrations
group by key_id
order by key_id
