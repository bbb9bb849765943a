-- Ends entries whose outcome is persisted: acknowledged, deleted and no longer outstanding, in one step.
-- KEYS[1]: stream, KEYS[2]: its set of outstanding ids. ARGV[1]: consumer group. ARGV[2…]: entry, id, entry, id, …
-- Returns how many were still there. An entry that was ended before leaves the set alone: the id may have been offered
-- again since, and then it stands for the new entry.
local ended = 0
for i = 2, #ARGV, 2 do
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
        redis.call('SREM', KEYS[2], ARGV[i + 1])
        ended = ended + 1
    end
end
return ended
