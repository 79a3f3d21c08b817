#!lua flags=allow-oom
-- Takes due deliveries for sending. The endpoints that may be served stand in the rings of the shards by the time they
-- last had a turn; each gives up to its room, and stands behind the others again. One that has no room left leaves the
-- ring until an attempt of its ends (or the lease of those attempts does).
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  notifier id
-- ARGV[2]  the most deliveries to take
-- ARGV[3]  lease, ms: longer than the request's deadline, since an expired claim is sent again
-- ARGV[4]  room of an endpoint that is not listed
-- ARGV[5]  endpoints to look at in one shard
-- ARGV[6-9] keep_delivered_ms, keep_dead_ms, attempt log entries, dead deliveries kept for one endpoint
-- ARGV[10] number of shards, then the shards in the order to serve them, then pairs: endpoint, its room
-- Returns  { now ms, ms of the next due endpoint or -1,
--           { { endpoint, sealed secret, earlier secrets as "until_ms:sealed" with spaces between }, ... },
--           { { shard, endpoint, event, attempt (from 1), type, URL, body, created ms }, ... } }
--           A shard whose lease is not this notifier's is passed over.
-- Errors   none
-- Again    other deliveries: what is claimed stays claimed until hook_finish or hook_reap.
-- Bound    O(shards * ARGV[5] + ARGV[2]).
-- @include lib/hook.lua

local owner = ARGV[1]
local left = tonumber(ARGV[2])
local lease_ms = tonumber(ARGV[3])
local default_room = tonumber(ARGV[4])
local scan = tonumber(ARGV[5])
local bounds = hook.read_bounds(6)
local shard_count = tonumber(ARGV[10])
local now = NOW_US / 1000

local shards, rooms = {}, {}
for i = 11, 10 + shard_count do
  if redis.call('GET', hook.key_lease(ARGV[i])) == owner then
    shards[#shards + 1] = ARGV[i]
  end
end
for i = 11 + shard_count, #ARGV, 2 do
  rooms[ARGV[i]] = tonumber(ARGV[i + 1])
end

local endpoints, deliveries = {}, {}

-- Moves one delivery from its queue to the inflight set; false where there is nothing to send.
local function take(shard, endpoint, event)
  local delivery = redis.call('HMGET', hook.key_delivery(event), 'state', 'type', 'url', 'created_ms')
  local state, type, url, created_ms = delivery[1], delivery[2], delivery[3], delivery[4]
  local body = redis.call('GET', hook.key_body(event))
  if state ~= 'pending' and state ~= 'retrying' then
    redis.call('ZREM', hook.key_queue(endpoint), event)
    return false
  end
  if not body or not url then
    hook.settle_dead(bounds, shard, endpoint, event, 'body_gone', now)
    return false
  end
  local attempt = redis.call('HINCRBY', hook.key_delivery(event), 'attempts', 1)
  redis.call('HSET', hook.key_delivery(event), 'state', 'in_flight')
  redis.call('ZADD', hook.key_inflight(shard), hook.whole_ms(now + lease_ms),
    endpoint .. '/' .. event .. '/' .. attempt .. '/' .. owner)
  redis.call('ZREM', hook.key_queue(endpoint), event)
  deliveries[#deliveries + 1] = { shard, endpoint, event, attempt, type, url, body, created_ms }
  return true
end

local function serve(shard, endpoint)
  local room = math.min(rooms[endpoint] or default_room, left)
  local due = redis.call('ZRANGEBYSCORE', hook.key_queue(endpoint), '-inf', hook.ms_text(now), 'LIMIT', 0, room)
  local secrets = redis.call('HMGET', hook.key_endpoint(endpoint), 'secret', 'previous')
  local taken = 0
  for _, event in ipairs(due) do
    if not secrets[1] then
      hook.settle_dead(bounds, shard, endpoint, event, 'no_endpoint', now)
    elseif take(shard, endpoint, event) then
      taken = taken + 1
    end
  end
  if taken > 0 then
    endpoints[#endpoints + 1] = { endpoint, secrets[1], secrets[2] }
    left = left - taken
  end
  return (rooms[endpoint] or default_room) - taken
end

-- Where the endpoint stands after its turn.
local function replace(shard, endpoint, room)
  local due = hook.servable_ms(endpoint, now)
  if not due then
    redis.call('ZREM', hook.key_ring(shard), endpoint)
  elseif room <= 0 then
    redis.call('ZADD', hook.key_ring(shard), hook.ms_text(math.max(due, now + lease_ms)), endpoint)
  else
    redis.call('ZADD', hook.key_ring(shard), hook.ms_text(due), endpoint)
  end
end

for _, shard in ipairs(shards) do
  if left <= 0 then
    break
  end
  local ring = redis.call('ZRANGEBYSCORE', hook.key_ring(shard), '-inf', hook.ms_text(now), 'LIMIT', 0, scan)
  for _, endpoint in ipairs(ring) do
    if left <= 0 then
      break
    end
    local room = rooms[endpoint] or default_room
    if room > 0 then
      room = serve(shard, endpoint)
    end
    replace(shard, endpoint, room)
  end
end
return { NOW_MS, hook.due_reply(hook.next_due_ms(shards)), endpoints, deliveries }
