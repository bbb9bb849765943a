-- Offers registrations to streams; an id that is outstanding already, or that meets a full stream, is left alone.
-- KEYS: pairs of a stream and its set of outstanding ids. ARGV[1]: cap of a stream. ARGV[2…]: ids.
-- Returns how many entries were added. Whoever is left out stays pending in PostgreSQL, where the relay finds it.
local cap = tonumber(ARGV[1])
local added = 0
for k = 1, #KEYS, 2 do
    local room = cap - redis.call('XLEN', KEYS[k])
    for i = 2, #ARGV do
        if room <= 0 then
            break
        end
        if redis.call('SADD', KEYS[k + 1], ARGV[i]) == 1 then
            redis.call('XADD', KEYS[k], '*', 'id', ARGV[i])
            room = room - 1
            added = added + 1
        end
    end
end
return added
