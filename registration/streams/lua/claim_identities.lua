-- Says who asks the registry about an identity, so that workers do not ask about the same one at once.
-- KEYS: first those to be given up, then those to be taken or kept. ARGV[1]: holder. ARGV[2]: milliseconds a claim lives.
-- ARGV[3]: how many are to be given up. Returns for each of the others 1 when the holder has it, 0 when somebody else does.
local released = tonumber(ARGV[3])
local answers = {}
for i, key in ipairs(KEYS) do
    if i <= released then
        if redis.call('GET', key) == ARGV[1] then
            redis.call('DEL', key)
        end
    elseif redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) then
        answers[#answers + 1] = 1
    elseif redis.call('GET', key) == ARGV[1] then
        redis.call('PEXPIRE', key, ARGV[2])
        answers[#answers + 1] = 1
    else
        -- Nobody claims for longer than this: what is left above it is the length of a jump back of Valkey's clock.
        if redis.call('PTTL', key) > tonumber(ARGV[2]) then
            redis.call('PEXPIRE', key, ARGV[2])
        end
        answers[#answers + 1] = 0
    end
end
return answers
