-- How many rows, registrations and photos, stand under each sealing key. Reads the whole tables.
select get_byte(sealed, 0) * 256 + get_byte(sealed, 1) as key_id, count(*) as count
from (select sealed from registrations union all select sealed_key from photos) as rows
group by key_id
order by key_id
