-- Leases shares of a contract's ceiling to workers (registration/streams/shares.py, docs/decisions): one call for each
-- worker and tick. Who asks tells what it holds and has measured; it gets slots (calls under way at once) and times at
-- which calls may start, and the one that steers also gets what all have measured.
-- KEYS[1]: the pool's state. ARGV[1]: the report (MessagePack, `shares.Report`). Returns the grant (`shares.Grant`).
--
-- What holds, whatever is lost on the way:
-- * No slot is granted twice. A worker counts for the most of: what it was granted, what it may still believe it has,
--   what it really has under way, and its static share. One that is silent counts for `hold_ms` more.
-- * Static shares of workers that are not here are kept free.
-- * Start times are handed out once, `spacing_ms` apart.
-- * After a gap (state gone, another server, time that jumped) nothing is granted for `hold_ms`: what was granted before
--   may still be in use.
local report = cmsgpack.unpack(ARGV[1])
local terms = report.terms
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')

local stored = redis.call('GET', KEYS[1])
local state = stored and cmsgpack.unpack(stored) or {limit = -1, steering = ''}
local gap = not stored or state.run ~= run or now < state.at - terms.ttl_ms or now > state.at + terms.ttl_ms
if gap then
    state.run = run
    state.quiet_until = now + terms.hold_ms
    state.next_start, state.closed_until = 0, 0
    state.steerer, state.steerer_until = '', 0
    state.workers, state.places, state.windows = {}, {}, {}
end
state.at = math.max(now, gap and 0 or state.at)

-- Who is here, and whose place among the workers is still theirs.
for life, worker in pairs(state.workers) do
    if worker.seen < now - terms.hold_ms then
        state.workers[life] = nil
    end
end
local taken = 0
for slot, seen in pairs(state.places) do
    if slot ~= report.slot then
        if seen < now - terms.place_ms then
            state.places[slot] = nil
        else
            taken = taken + 1
        end
    end
end

local function save()
    redis.call('SET', KEYS[1], cmsgpack.pack(state))
end

if report.leaving then
    state.workers[report.life], state.places[report.slot] = nil, nil
    if state.steerer == report.life then
        state.steerer_until = 0
    end
    save()
    return cmsgpack.pack({slots = 0, has_place = false})
end

local has_place = taken < terms.places
if has_place then
    state.places[report.slot] = now
end

-- Steering: a limit and the memory behind it are taken only from whoever still holds the lease on that duty.
local steers = has_place and (state.steerer == report.life or state.steerer_until < now)
local took_over = steers and state.steerer ~= report.life
if steers then
    state.steerer, state.steerer_until = report.life, now + terms.ttl_ms
    if report.limit >= 0 and not took_over then
        state.limit, state.steering, state.word = report.limit, report.steering, report.word
    end
end
if report.close_ms > 0 then
    state.closed_until = math.max(state.closed_until, now + report.close_ms)
end
if report.window ~= '' and #state.windows < 256 then
    state.windows[#state.windows + 1] = report.window
end

local quiet = now < state.quiet_until
local closed_ms = math.max(0, state.closed_until - now)

-- What everyone holds.
local me = state.workers[report.life] or {granted = 0}
me.slot, me.seen, me.demand, me.in_flight = report.slot, now, report.demand, report.in_flight
me.held = math.max(report.allowed, report.in_flight)
if has_place then
    state.workers[report.life] = me
else
    state.workers[report.life] = nil
end
local here, in_flight, others, others_alive = 0, 0, 0, 0
local demands = {}
for life, worker in pairs(state.workers) do
    local alive = worker.seen >= now - terms.ttl_ms
    local holds = math.max(worker.granted, worker.held)
    if alive then
        here = here + 1
        in_flight = in_flight + worker.in_flight
        if worker.demand > 0 or life == report.life then
            demands[#demands + 1] = {life = life, demand = worker.demand}
        end
    end
    if life ~= report.life then
        others = others + math.max(holds, terms.static_slots)
        if alive then
            others_alive = others_alive + holds
        end
    end
end
local reserve = terms.static_slots * math.max(0, terms.places - here)

-- A fair share: what all demand, filled evenly up to the limit; what cannot be divided goes round, second by second.
local function fair(total)
    table.sort(demands, function(a, b) return a.life < b.life end)
    local first = math.floor(now / 1000) % math.max(1, #demands)
    local left, share = total, {}
    local hungry = true
    while left >= 1 and hungry do
        hungry = false
        local open = 0
        for _, one in ipairs(demands) do
            if (share[one.life] or 0) < one.demand then
                open = open + 1
            end
        end
        local each = math.max(1, math.floor(left / math.max(1, open)))
        for i = 1, #demands do
            local one = demands[(first + i - 1) % #demands + 1]
            local more = math.min(each, one.demand - (share[one.life] or 0), left)
            if more >= 1 then
                share[one.life] = (share[one.life] or 0) + math.floor(more)
                left = left - math.floor(more)
                hungry = true
            end
        end
    end
    return share[report.life] or 0
end

local grant = {
    slots = 0, has_place = has_place, quiet_ms = math.max(0, state.quiet_until - now), closed_ms = closed_ms,
    first_start_ms = 0, spacing_ms = terms.spacing_ms, starts = 0,
    limit = state.limit, word = state.word or '', in_flight = in_flight, workers = here,
    steers = steers, took_over = took_over, steering = '', windows = {}, now_ms = now,
}
if has_place and not quiet then
    local total = math.min(math.max(0, state.limit), terms.ceiling_slots - reserve)
    local free = math.min(state.limit - others_alive, terms.ceiling_slots - reserve - others)
    grant.slots = math.floor(math.max(0, math.min(fair(total), free)))
    me.granted = grant.slots
    if grant.slots > 0 and report.starts > 0 and closed_ms == 0 then
        local start = math.max(state.next_start, now)
        local room = math.floor((now + terms.horizon_ms - start) / terms.spacing_ms) + 1
        local share = math.max(1, math.ceil(terms.horizon_ms / terms.spacing_ms / math.max(1, #demands)))
        local starts = math.min(report.starts, room, share)
        if starts > 0 then
            grant.first_start_ms, grant.starts = start - now, starts
            state.next_start = start + starts * terms.spacing_ms
        end
    end
elseif has_place then
    me.granted = 0
end
if steers then
    grant.windows = state.windows
    state.windows = {}
    if took_over then
        grant.steering = state.steering
    end
end
save()
return cmsgpack.pack(grant)
