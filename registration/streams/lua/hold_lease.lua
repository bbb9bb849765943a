-- Takes or keeps a lease on a duty that one worker at a time should do.
-- KEYS[1]: lease. ARGV[1]: holder, ARGV[2]: milliseconds. Returns 1 when the holder has it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
