-- Takes or keeps a lease on a duty that one worker at a time should do.
-- KEYS[1]: lease. ARGV[1]: holder, ARGV[2]: milliseconds. Returns 1 when the holder has it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    -- Nobody asks for longer than this: what is left above it is the length of a jump back of Valkey's clock.
    if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
