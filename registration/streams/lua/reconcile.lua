-- Makes the set of outstanding ids what it stands for, the ids in the stream, where their numbers differ. They do only
-- after someone deleted or trimmed by hand; without this such ids would never be offered again.
-- KEYS[1]: stream, KEYS[2]: its set. Returns by how many they differed.
local difference = redis.call('SCARD', KEYS[2]) - redis.call('XLEN', KEYS[1])
if difference ~= 0 then
    redis.call('DEL', KEYS[2])
    for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
        redis.call('SADD', KEYS[2], entry[2][2])
    end
end
return difference
