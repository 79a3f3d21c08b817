#!lua flags=allow-oom
-- Takes due deliveries for sending. The endpoints that may be served stand in the rings of the shards by the time they
-- last had a turn; each gives up to its room (lib/hook_health.lua), and stands behind the others again. One that has no
-- room left leaves the ring until an attempt of its ends (or the lease of those attempts does). The slow ring has places of
-- its own, after the other: what is there never takes a place from who is well.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  notifier id
-- ARGV[2]  the most deliveries to take
-- ARGV[3]  of these the most from slow rings
-- ARGV[4]  lease, ms: longer than the request's deadline, since an expired claim is sent again
-- ARGV[5]  endpoints to look at in one ring
-- ARGV[6-9] keep_delivered_ms, keep_dead_ms, attempt log entries, dead deliveries kept for one endpoint
-- ARGV[10] number of shards, then the shards in the order to serve them, then one text: " endpoint=n" for each endpoint
--          with n requests under way
-- Returns  { now ms, ms of the next due endpoint or -1 (of a slow one only where ARGV[3] left room for more),
--           1 where a slow one is due and there was no room, deliveries given up,
--           { { endpoint, sealed secret, earlier secrets as "until_ms:sealed" with spaces between, tenant, 1 if slow,
--             1 where the seed's header is wanted }, ... },
--           { { shard, endpoint, event, attempt (from 1), type, URL, body, created ms, its attempts before it was sent
--             again }, ... },
--           { { endpoint, why }, ... } (nothing can be made of what it has: it is left alone for a minute) }
--           A shard whose lease is not this notifier's is passed over.
-- Errors   none
-- Again    other deliveries: what is claimed stays claimed until hook_finish or hook_reap.
-- Bound    O(shards * ARGV[5] + ARGV[2]).
-- @include lib/hook_health.lua

local owner = ARGV[1]
local left = tonumber(ARGV[2])
local slow_left = math.min(tonumber(ARGV[3]), left)
local lease_ms = tonumber(ARGV[4])
local scan = tonumber(ARGV[5])
local bounds = hook.read_bounds(6)
local shard_count = tonumber(ARGV[10])
local now = NOW_US / 1000
local OLD_CALL_MS = 108000000 -- 30 h: as long as an event of a call is tried for
local SHED = 16
local OLD_LOOKS = 64
local old_looks_left = 256 -- of the whole run

local shards = {}
for i = 11, 10 + shard_count do
  if redis.call('GET', hook.key_lease(ARGV[i])) == owner then
    shards[#shards + 1] = ARGV[i]
  end
end

-- Requests under way, by endpoint. There may be thousands: only who gets a turn is looked for.
local busy = ARGV[11 + shard_count]
local under_way = setmetatable({}, {
  __index = function(_, endpoint)
    local _, stop = string.find(busy, ' ' .. endpoint .. '=', 1, true)
    return stop and tonumber(string.match(busy, '^%d+', stop + 1))
  end,
})

local endpoints, deliveries, given_up, torn = {}, {}, 0, {}

local function give_up(shard, endpoint, event, reason)
  hook.settle_dead(bounds, shard, endpoint, event, reason, now)
  given_up = given_up + 1
end

-- Moves one delivery from its queue to the inflight set; false where there is nothing to send. It is added there first: whatever
-- Redis refuses behind that, it is in one of the two, and none that waits is taken for one under way.
local function take(shard, endpoint, event)
  local delivery = redis.call('HMGET', hook.key_delivery(event), 'state', 'type', 'url', 'created_ms', 'from_attempt', 'attempts')
  local state, type, url, created_ms = delivery[1], delivery[2], delivery[3], delivery[4]
  local body = redis.call('GET', hook.key_body(event))
  if state ~= 'pending' and state ~= 'retrying' then
    redis.call('ZREM', hook.key_queue(endpoint), event)
    return false
  end
  if not body or not url then
    give_up(shard, endpoint, event, 'body_gone')
    return false
  end
  local attempt = tonumber(delivery[6] or 0) + 1
  redis.call('ZADD', hook.key_inflight(shard), hook.whole_ms(now + lease_ms),
    endpoint .. '/' .. event .. '/' .. attempt .. '/' .. owner)
  redis.call('HSET', hook.key_delivery(event), 'attempts', attempt, 'state', 'in_flight')
  redis.call('ZREM', hook.key_queue(endpoint), event)
  deliveries[#deliveries + 1] = { shard, endpoint, event, attempt, type, url, body, created_ms, delivery[5] or 0 }
  return true
end

-- What waits at an endpoint that takes nothing any more, a part at a time.
local function clear_out(shard, endpoint, reason)
  for _, event in ipairs(redis.call('ZRANGE', hook.key_queue(endpoint), 0, SHED - 1)) do
    give_up(shard, endpoint, event, reason)
  end
end

-- Events of calls that waited for their first attempt as long as attempts go on: only age counts while an endpoint is left
-- alone. Those of batches are kept. True where some were given up and more may follow.
local function shed_old(shard, endpoint)
  local most, before = math.min(OLD_LOOKS, old_looks_left), given_up
  local old = most > 0
      and redis.call('ZRANGEBYSCORE', hook.key_queue(endpoint), '-inf', hook.ms_text(now - OLD_CALL_MS), 'LIMIT', 0, most) or {}
  old_looks_left = old_looks_left - #old
  for _, event in ipairs(old) do
    local delivery = redis.call('HMGET', hook.key_delivery(event), 'type', 'attempts', 'from_attempt')
    if delivery[1] and string.find(delivery[1], '^call%.') and delivery[2] == (delivery[3] or '0') then
      give_up(shard, endpoint, event, 'too_old')
    end
  end
  return given_up > before and #old == most
end

-- Gives up to its room. Returns what is left of the room.
local function serve(shard, endpoint, is_slow)
  local who = redis.call('HMGET', hook.key_endpoint(endpoint), 'secret', 'previous', 'tenant', 'signature')
  local known = health.load(endpoint)
  if not who[1] or known.status == 'disabled' then
    clear_out(shard, endpoint, who[1] and 'endpoint_disabled' or 'no_endpoint')
    return 1
  end
  if is_slow and shed_old(shard, endpoint) then
    return 1 -- its turn comes again at once: the next attempt is none of what is too old
  end
  local room = health.room(known) - (under_way[endpoint] or 0)
  local most = math.min(room, is_slow and slow_left or left)
  local due = most > 0
      and redis.call('ZRANGEBYSCORE', hook.key_queue(endpoint), '-inf', hook.ms_text(now), 'LIMIT', 0, most) or {}
  local taken = 0
  for _, event in ipairs(due) do
    if take(shard, endpoint, event) then
      taken = taken + 1
    end
  end
  if taken > 0 then
    endpoints[#endpoints + 1] = { endpoint, who[1], who[2], who[3], is_slow and 1 or 0, who[4] == 'seed' and 1 or 0 }
    under_way[endpoint] = (under_way[endpoint] or 0) + taken
    left = left - taken
    slow_left = math.min(is_slow and slow_left - taken or slow_left, left)
  end
  return room - taken
end

-- Where the endpoint stands after its turn.
local function replace(shard, endpoint, room)
  local due, _, is_slow = hook.servable_ms(endpoint, now)
  if not due then
    hook.ring_drop(shard, endpoint)
  else
    hook.ring_put(shard, endpoint, room <= 0 and math.max(due, now + lease_ms) or due, is_slow, false)
  end
end

local function serve_ring(shard, ring, is_slow)
  for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', ring, '-inf', hook.ms_text(now), 'LIMIT', 0, scan)) do
    if (is_slow and slow_left or left) <= 0 then
      return
    end
    local is_done, why = hook.try(function()
      replace(shard, endpoint, serve(shard, endpoint, is_slow))
    end)
    if not is_done then
      hook.ring_put(shard, endpoint, now + hook.TORN_MS, is_slow, false)
      torn[#torn + 1] = { endpoint, why }
    end
  end
end

for _, shard in ipairs(shards) do
  if left > 0 then
    serve_ring(shard, hook.key_ring(shard), false)
  end
end
local is_crowded = 0
for _, shard in ipairs(shards) do
  if slow_left > 0 then
    serve_ring(shard, hook.key_slow(shard), true)
  end
end
if slow_left <= 0 then
  for _, shard in ipairs(shards) do
    local head = hook.head_ms(hook.key_slow(shard))
    is_crowded = head and head <= now and 1 or is_crowded
  end
end
return { NOW_MS, hook.due_reply(hook.next_due_ms(shards, slow_left > 0)), is_crowded, given_up, endpoints, deliveries,
  torn }
