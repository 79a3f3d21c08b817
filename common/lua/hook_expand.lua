#!lua
-- Makes events deliveries: keeps the rendered body, queues the delivery on its endpoint, lets the ring know, and
-- acknowledges the stream entry, all in one step. Refused as a whole while Redis is out of memory: the entries then
-- wait in their stream.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1-4] keep_delivered_ms, keep_dead_ms, attempt log entries, dead deliveries kept for one endpoint
-- ARGV[5]  deliveries that may wait for one endpoint
-- ARGV[6]  bytes of their bodies
-- ARGV[7+] per delivery eight: shard, stream id, "deliver", "again" or "skip", delivery id (common/domain/event.h), endpoint id,
--          type, URL, body. An event that goes to two URLs stands here twice. "again" sends one that
--          has ended once more, with a schedule of its own (hook_again). "skip" acknowledges an entry that cannot
--          become a delivery; the four behind the id are then empty.
-- Returns  { now ms, ms of the next due endpoint among the shards given or -1, old deliveries dropped to make room,
--           code, ... }, a code per delivery: 1 queued, 0 known before, 2 skipped, -1 no such endpoint (nothing is
--           kept), or one that is disabled (kept as dead), -2 nothing can be made of what Redis has of it: the
--           entry waits to be read again
-- Errors   OOM (Redis's own): nothing was done
-- Again    an event that was expanded before is acknowledged and changes nothing else; one that is sent again, too, while
--          that is under way.
-- Bound    O(events), each about ten commands.
-- @include lib/hook.lua

local ITEM, TORN = 8, -2
local SHED_SCAN = 16 -- how many of a queue are looked at together for one that may be dropped
local shed_left = 256 -- of the whole run: what may be looked at, or dropped
local bounds = hook.read_bounds(1)
local pending_max = tonumber(ARGV[5])
local bytes_max = tonumber(ARGV[6])
local now = NOW_US / 1000
local dropped = 0
local UNKEPT = { id = true, type = true, tenant = true, trigger = true, delivery = true, endpoint = true }

local function is_call(event)
  local type = redis.call('HGET', hook.key_delivery(event), 'type')
  return type and string.find(type, '^call%.') ~= nil
end

local function drop(shard, endpoint, event)
  hook.settle_dead(bounds, shard, endpoint, event, 'backlog', now)
  dropped = dropped + 1
end

-- Drops the call event that is due first; false where none was found. What was passed over need not be looked at again:
-- whatever is queued later stands behind `kept_ms`.
local function drop_oldest(shard, endpoint)
  local known, queue = hook.key_endpoint(endpoint), hook.key_queue(endpoint)
  local from, passed = redis.call('HGET', known, 'kept_ms') or '-inf', nil
  repeat
    from, passed = passed or from, nil
    local part = redis.call('ZRANGE', queue, from, '+inf', 'BYSCORE', 'LIMIT', 0, SHED_SCAN, 'WITHSCORES')
    for i = 1, #part, 2 do
      shed_left = shed_left - 1
      if is_call(part[i]) then
        drop(shard, endpoint, part[i])
        return true
      end
      passed = tonumber(part[i + 1]) <= now and part[i + 1] or passed
    end
    if passed then
      redis.call('HSET', known, 'kept_ms', passed)
    end
  until shed_left <= 0 or not passed or passed == from
  return false
end

local function is_over(endpoint)
  local waiting = redis.call('ZCARD', hook.key_queue(endpoint))
  local bytes = tonumber(redis.call('HGET', hook.key_endpoint(endpoint), 'bytes'))
  return waiting > pending_max or (waiting > 1 and bytes > bytes_max)
end

-- Over a bound the oldest call events make room; where they cannot, the one that came is dropped, so that the bound holds.
-- Batch events are few, and say what a tenant needs to know when it has lost some: they stay.
local function shed(shard, endpoint, event)
  while is_over(endpoint) do
    if shed_left <= 0 or not drop_oldest(shard, endpoint) then
      if is_call(event) and redis.call('HGET', hook.key_delivery(event), 'state') == 'pending' then
        drop(shard, endpoint, event)
      end
      return
    end
  end
end

-- What the event was written with, so that its body can be rendered again: [field, value, ...] without what the delivery
-- tells anyway.
local function source_of(shard, entry)
  local found = redis.call('XRANGE', hook.key_events(shard), entry, entry)[1]
  local kept, flat = {}, found and found[2] or {}
  for i = 1, #flat, 2 do
    if not UNKEPT[flat[i]] then
      kept[#kept + 1] = flat[i]
      kept[#kept + 1] = flat[i + 1]
    end
  end
  return kept[1] and cjson.encode(kept) or nil
end

-- Makes room for another round of a delivery that has ended; false where one is under way.
local function reopen(event)
  local key = hook.key_delivery(event)
  local known = redis.call('HMGET', key, 'state', 'attempts', 'trigger', 'source', 'endpoint')
  if known[1] ~= 'dead' and known[1] ~= 'delivered' then
    return not known[1], {}
  end
  redis.call('PERSIST', key)
  redis.call('HDEL', key, 'reason', 'ended_ms', 'next_ms')
  redis.call('ZREM', hook.key_dead(known[5]), event)
  return true, known
end

-- One that was asked for again and cannot be made: it stays what it was, and is listed where it was.
local function give_back(event)
  local key = hook.key_delivery(event)
  local known = redis.call('HMGET', key, 'state', 'endpoint', 'ended_ms')
  if redis.call('HDEL', key, 'trigger') == 1 and known[1] == 'dead' then
    redis.call('ZADD', hook.key_dead(known[2]), known[3], event)
  end
end

-- Its endpoint was removed: nobody can be shown what ended either. What has not ended goes with the rest of the endpoint.
local function forget(event)
  local state = redis.call('HGET', hook.key_delivery(event), 'state')
  if state == 'dead' or state == 'delivered' then
    redis.call('DEL', hook.key_delivery(event))
  end
end

-- `turn` keeps the order of events within one run: scores are a microsecond apart, and a run takes longer than that.
local function expand(turn, shard, entry, is_again, event, endpoint, type, url, body)
  local key, known = hook.key_delivery(event), {}
  local status = redis.call('HGET', hook.key_endpoint(endpoint), 'status')
  if not status then
    forget(event)
    return -1
  elseif not is_again and redis.call('EXISTS', key) == 1 then
    return 0
  elseif is_again then
    local is_open
    is_open, known = reopen(event)
    if not is_open then
      return 0
    end
  end
  -- It is queued before it is known: whatever is refused in between, it is made again.
  if status == 'active' then
    redis.call('SET', hook.key_body(event), body)
    redis.call('ZADD', hook.key_queue(endpoint), hook.ms_text(now + turn / 1000), event)
    hook.ring_touch(shard, endpoint, now)
  end
  redis.call('HSET', key, 'endpoint', endpoint, 'type', type, 'state', 'pending', 'attempts', known[2] or 0, 'created_ms',
    hook.whole_ms(now), 'url', url)
  if known[2] then
    redis.call('HSET', key, 'from_attempt', known[2])
  end
  local source = known[4] or source_of(shard, entry)
  if source then
    redis.call('HSET', key, 'source', source)
  end
  redis.call('HINCRBY', hook.key_counts(shard), 'pending', 1)
  if status ~= 'active' then
    hook.settle_dead(bounds, shard, endpoint, event, 'endpoint_disabled', now)
    return -1
  end
  redis.call('HINCRBY', hook.key_endpoint(endpoint), 'bytes', #body)
  shed(shard, endpoint, event)
  return 1
end

local codes, shards, seen = {}, {}, {}
local unmade = {} -- entries not to be acknowledged: an event that goes to two URLs is made for both, or read again
for first = 7, #ARGV, ITEM do
  local shard, entry, verdict, event, endpoint, type, url, body = unpack(ARGV, first, first + ITEM - 1)
  local turn = #codes
  codes[turn + 1] = 2
  local is_done = hook.try(function()
    if verdict ~= 'skip' then
      codes[turn + 1] = expand(turn, shard, entry, verdict == 'again', event, endpoint, type, url, body)
    else
      give_back(event)
    end
  end)
  if not is_done then
    codes[turn + 1] = TORN
    unmade[shard .. '/' .. entry] = true
  end
  if not seen[shard] then
    seen[shard] = true
    shards[#shards + 1] = shard
  end
end
for first = 7, #ARGV, ITEM do
  local shard, entry = ARGV[first], ARGV[first + 1]
  if not unmade[shard .. '/' .. entry] then
    redis.call('XACK', hook.key_events(shard), hook.group, entry)
  end
end
return { NOW_MS, hook.due_reply(hook.next_due_ms(shards, true)), dropped, unpack(codes) }
