#!lua flags=allow-oom
-- Takes back claims whose lease ran out: their notifier died, or lost Redis, after it claimed and before it reported.
-- The request may have been sent, so the attempt counts and is recorded as "unknown"; the delivery is due at once, with
-- the same id, and dead where its attempts are used up.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  notifier id
-- ARGV[2]  the most claims to take back
-- ARGV[3]  attempts that a call's event has
-- ARGV[4]  attempts that any other event has
-- ARGV[5-8] keep_delivered_ms, keep_dead_ms, attempt log entries, dead deliveries kept for one endpoint
-- ARGV[9+] shards; one whose lease is not this notifier's is passed over
-- Returns  { now ms, claims taken back, of these dead, ms of the next due endpoint or -1, ms of the next expiry or -1 }
-- Errors   none
-- Again    0 taken back, until another lease runs out.
-- Bound    O(ARGV[2]), each about ten commands.
-- @include lib/hook.lua

local owner = ARGV[1]
local left = tonumber(ARGV[2])
local call_attempts = tonumber(ARGV[3])
local other_attempts = tonumber(ARGV[4])
local bounds = hook.read_bounds(5)
local now = NOW_US / 1000
local taken, dead = 0, 0

local function attempts_of(type)
  if type == hook.test_type then
    return 1
  end
  return type and string.find(type, '^call%.') and call_attempts or other_attempts
end

local function take_back(shard, endpoint, event, attempt)
  local delivery = redis.call('HMGET', hook.key_delivery(event), 'state', 'attempts', 'from_attempt', 'type')
  -- Another state or number: this claim was overtaken (a late success, a later claim) and only its member is left.
  if delivery[1] ~= 'in_flight' or delivery[2] ~= attempt then
    return
  end
  hook.log_attempt(bounds, endpoint, event, attempt, 'unknown', 0, hook.whole_ms(now), 0, '')
  redis.call('HSET', hook.key_delivery(event), 'last', attempt .. ':unknown')
  if attempt - (delivery[3] or 0) >= attempts_of(delivery[4]) then
    hook.settle_dead(bounds, shard, endpoint, event, 'unknown', now)
    dead = dead + 1
    return
  end
  redis.call('ZADD', hook.key_queue(endpoint), hook.ms_text(now), event)
  redis.call('HSET', hook.key_delivery(event), 'state', 'retrying', 'next_ms', hook.whole_ms(now))
end

local shards, expiry = {}, nil
for i = 9, #ARGV do
  local shard = ARGV[i]
  if redis.call('GET', hook.key_lease(shard)) == owner then
    shards[#shards + 1] = shard
    local key = hook.key_inflight(shard)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', hook.ms_text(now), 'LIMIT', 0, left)) do
      local endpoint, event, attempt = string.match(member, '^([^/]+)/([^/]+)/(%d+)/')
      if endpoint then
        take_back(shard, endpoint, event, attempt)
        hook.ring_touch(shard, endpoint, now)
      end
      redis.call('ZREM', key, member)
      taken = taken + 1
      left = left - 1
    end
    local head = hook.head_ms(key)
    if head and (not expiry or head < expiry) then
      expiry = head
    end
  end
end
return { NOW_MS, taken, dead, hook.due_reply(hook.next_due_ms(shards, true)), hook.due_reply(expiry) }
