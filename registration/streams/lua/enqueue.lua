-- Offers registrations to streams; an id that is outstanding already, or that meets a full stream, is left alone.
-- KEYS: pairs of a stream and its set of outstanding ids. ARGV[1]: cap of a stream. ARGV[2]: the ids, 32 characters each.
-- Returns how many entries were added. Whoever is left out stays pending in PostgreSQL, where the relay finds it.
local cap = tonumber(ARGV[1])
local ids = ARGV[2]
local added = 0
for k = 1, #KEYS, 2 do
    local room = cap - redis.call('XLEN', KEYS[k])
    for at = 1, #ids, 32 do
        if room <= 0 then
            break
        end
        local id = string.sub(ids, at, at + 31)
        if redis.call('SADD', KEYS[k + 1], id) == 1 then
            redis.call('XADD', KEYS[k], '*', 'id', id)
            room = room - 1
            added = added + 1
        end
    end
end
return added
