-- Counts verdicts in spans of ten seconds, and tells what was counted in the last minute.
-- KEYS[1]: the tally, a hash of span and count. ARGV[1]: how many more, 0 to look only.
-- Returns the verdicts of the last six whole spans.
local span = math.floor(tonumber(redis.call('TIME')[1]) / 10)
if tonumber(ARGV[1]) > 0 then
    if redis.call('HINCRBY', KEYS[1], span, ARGV[1]) == tonumber(ARGV[1]) then
        for _, old in ipairs(redis.call('HKEYS', KEYS[1])) do
            if tonumber(old) < span - 60 then
                redis.call('HDEL', KEYS[1], old)
            end
        end
    end
    redis.call('EXPIRE', KEYS[1], 86400)
end
local count = 0
for before = 1, 6 do
    count = count + tonumber(redis.call('HGET', KEYS[1], span - before) or 0)
end
return count
