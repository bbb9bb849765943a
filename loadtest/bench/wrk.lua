-- What wrk sends: a fresh idempotency key and another body each time; and what it writes down at the end.
-- Told by environment: BENCH_BODIES (file, a body a line), BENCH_FIRST_BODY (the line to begin after), BENCH_PREFIX (of
-- keys, unique per run), BENCH_SECONDS (how long to send), BENCH_RESULT (file for the result, JSON).
--
-- wrk cuts its connections at the end and forgets the requests that are under way, although the server may store them.
-- So sending ends earlier than wrk does: from then on `request` gives an empty text, after which wrk 4 lets the
-- connection rest, and every request gets its answer. The time of the last one is the end of the measurement.

local ffi = require("ffi")
ffi.cdef [[
    typedef struct { long seconds; long nanoseconds; } bench_time;
    int clock_gettime(int clock, bench_time *now);
]]
local CLOCK_MONOTONIC = 1
local reading = ffi.new("bench_time")
local threads = {}

local function clock()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, reading)
    return tonumber(reading.seconds) + tonumber(reading.nanoseconds) * 1e-9
end

-- In the main state, once for each thread.
function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

-- In each thread's own state; what `done` reads must be global.
function init(_)
    calls, first, last = 0, 0, 0
    seconds = tonumber(os.getenv("BENCH_SECONDS"))
    head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nContent-Type: application/json\r\n"
        .. "Idempotency-Key: " .. os.getenv("BENCH_PREFIX") .. "-" .. number .. "-"
    tails = {}
    for body in io.lines(os.getenv("BENCH_BODIES")) do
        tails[#tails + 1] = "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
    end
    -- Threads begin at different people, and meet only when the file is used up.
    offset = tonumber(os.getenv("BENCH_FIRST_BODY")) + number * 31337
end

function request()
    calls = calls + 1
    if calls == 2 then -- wrk tries the very first call out without sending it
        first = clock()
    elseif calls > 2 then
        local now = clock()
        if now - first >= seconds then
            last = now
            return ""
        end
    end
    return head .. calls .. tails[(offset + calls) % #tails + 1]
end

function done(summary, latency, _)
    local began, ended = math.huge, 0
    for _, thread in ipairs(threads) do
        began = math.min(began, thread:get("first"))
        ended = math.max(ended, thread:get("last"))
    end
    local errors = summary.errors
    local file = assert(io.open(os.getenv("BENCH_RESULT"), "w"))
    file:write(string.format(
        '{"accepted": %d, "refused": %d, "broken": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f}\n',
        summary.requests - errors.status, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        ended - began, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
    file:close()
end
