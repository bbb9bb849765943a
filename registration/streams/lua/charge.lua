-- Counts uses against limits, in sketches of fixed size (registration/streams/limits.py) with 16-bit counters that stop at their
-- top. KEYS: one sketch for each limit and window. ARGV[1]: seconds a sketch lives. ARGV[2]: the uses, packed: for each
-- the index of its key (1 byte), how many (2 bytes), its position in each row (4 bytes each, big-endian).
-- Returns the count of each use.
local counts = {}
local uses = ARGV[2]
for at = 1, #uses, 15 do
    local key, amount, first, second, third = struct.unpack('>BHI4I4I4', uses, at)
    local found = redis.call('BITFIELD', KEYS[key], 'OVERFLOW', 'SAT', 'INCRBY', 'u16', '#' .. first, amount,
        'INCRBY', 'u16', '#' .. second, amount, 'INCRBY', 'u16', '#' .. third, amount)
    counts[#counts + 1] = math.min(found[1], found[2], found[3])
end
for _, key in ipairs(KEYS) do
    redis.call('EXPIRE', key, ARGV[1])
end
return counts
