-- Offers registrations to streams; an id that is outstanding already, or that meets a full stream, is left alone.
-- KEYS: pairs of a stream and its set of outstanding ids. ARGV[1]: cap of a stream. ARGV[2]: the ids, 32 characters each.
-- Returns how many entries were added. Whoever is left out stays pending in PostgreSQL, where the relay finds it.
-- The set is asked once for all ids and told once of all that were added, since each call from Lua costs as much again as
-- what it does.
local cap = tonumber(ARGV[1])
local ids = {}
for at = 1, #ARGV[2], 32 do
    ids[#ids + 1] = string.sub(ARGV[2], at, at + 31)
end
local added = 0
for k = 1, #KEYS, 2 do
    local room = cap - redis.call('XLEN', KEYS[k])
    if room > 0 then
        local outstanding = redis.call('SMISMEMBER', KEYS[k + 1], unpack(ids))
        local new, seen = {}, {}
        for i, id in ipairs(ids) do
            if outstanding[i] == 0 and not seen[id] and #new < room then
                seen[id] = true
                new[#new + 1] = id
                redis.call('XADD', KEYS[k], '*', 'id', id)
            end
        end
        if #new > 0 then
            redis.call('SADD', KEYS[k + 1], unpack(new))
            added = added + #new
        end
    end
end
return added
