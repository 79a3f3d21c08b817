-- @include cell.lua
-- What the notifier's scripts share: the names of its keys, and the moves that more than one of them makes.
--
-- A delivery is one event on its way to one endpoint (a tenant's origin). It waits in its endpoint's queue, by the ms
-- it is due; the endpoints with something to serve stand in their shard's ring, by the ms they may be served; a claimed
-- delivery lies in the shard's inflight set until its attempt is finished or its lease runs out.
local hook = { group = 'notifier' }

function hook.key_events(shard)
  return P .. 'events:' .. shard
end

function hook.key_lease(shard)
  return P .. 'hooks:lease:' .. shard
end

function hook.key_ring(shard)
  return P .. 'hooks:ring:' .. shard
end

function hook.key_inflight(shard)
  return P .. 'hooks:inflight:' .. shard
end

function hook.key_counts(shard)
  return P .. 'hooks:counts:' .. shard
end

function hook.key_endpoint(endpoint)
  return P .. 'hooks:endpoint:' .. endpoint
end

function hook.key_queue(endpoint)
  return P .. 'hooks:queue:' .. endpoint
end

function hook.key_dead(endpoint)
  return P .. 'hooks:dead:' .. endpoint
end

function hook.key_log(endpoint)
  return P .. 'hooks:log:' .. endpoint
end

function hook.key_delivery(event)
  return P .. 'hooks:delivery:' .. event
end

function hook.key_body(event)
  return P .. 'hooks:body:' .. event
end

-- Instants are ms with the microseconds behind the point (NOW_US / 1000): what is queued in one ms keeps its order.
function hook.ms_text(ms)
  return string.format('%.3f', ms)
end

function hook.whole_ms(ms)
  return fmt(math.floor(ms))
end

function hook.is_id(text)
  return text ~= nil and text ~= false and string.find(text, '^[%w_-]+$') ~= nil
end

-- The time of the first in a sorted set, or nil.
function hook.head_ms(key)
  return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

-- The least head of the rings of `shards`, or nil.
function hook.next_due_ms(shards)
  local least
  for _, shard in ipairs(shards) do
    local head = hook.head_ms(hook.key_ring(shard))
    if head and (not least or head < least) then
      least = head
    end
  end
  return least
end

-- A due time for a reply, beside math.floor(NOW): the same where it is due, otherwise rounded up, so that whoever waits
-- for it does not come a moment too early; -1 for none.
function hook.due_reply(ms)
  if not ms then
    return -1
  end
  return ms * 1000 <= NOW_US and NOW_MS or math.ceil(ms)
end

-- When `endpoint` may be served next, or nil where nothing waits. Never in the past: the ring is a queue for turns, and
-- a backlog must not put its owner before everybody else for ever.
function hook.servable_ms(endpoint, now)
  local head = hook.head_ms(hook.key_queue(endpoint))
  if not head then
    return nil
  end
  local paused = tonumber(redis.call('HGET', hook.key_endpoint(endpoint), 'paused_until_ms') or 0)
  return math.max(head, now, paused), paused > now
end

-- Lets the ring know that the queue of `endpoint` changed. One that stands there already keeps its place, unless it may
-- be served sooner now, or has been paused.
function hook.ring_touch(shard, endpoint, now)
  local due, is_paused = hook.servable_ms(endpoint, now)
  if not due then
    redis.call('ZREM', hook.key_ring(shard), endpoint)
  elseif is_paused then
    redis.call('ZADD', hook.key_ring(shard), hook.ms_text(due), endpoint)
  else
    redis.call('ZADD', hook.key_ring(shard), 'LT', hook.ms_text(due), endpoint)
  end
end

-- One line in the endpoint's attempt log. `bounds.log` lines are kept, roughly.
function hook.log_attempt(bounds, endpoint, event, attempt, code, status, began_ms, took_ms)
  redis.call('XADD', hook.key_log(endpoint), 'MAXLEN', '~', bounds.log, '*', 'event', event, 'attempt', attempt,
    'code', code, 'status', status, 'began_ms', began_ms, 'took_ms', took_ms)
end

-- The delivery reached the tenant: its body goes, a short record stays so that the same event is not delivered again.
function hook.settle_delivered(bounds, shard, endpoint, event, now)
  redis.call('HSET', hook.key_delivery(event), 'state', 'delivered', 'ended_ms', hook.whole_ms(now))
  redis.call('HDEL', hook.key_delivery(event), 'url', 'next_ms')
  redis.call('PEXPIRE', hook.key_delivery(event), bounds.keep_delivered_ms)
  redis.call('ZREM', hook.key_queue(endpoint), event)
  redis.call('ZREM', hook.key_dead(endpoint), event)
  redis.call('DEL', hook.key_body(event))
  redis.call('HINCRBY', hook.key_counts(shard), 'pending', -1)
end

local function bury(bounds, endpoint, event, now)
  local key = hook.key_dead(endpoint)
  redis.call('ZADD', key, hook.whole_ms(now), event)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', hook.whole_ms(now - bounds.keep_dead_ms))
  if redis.call('ZCARD', key) > bounds.dead then
    redis.call('DEL', hook.key_delivery(redis.call('ZPOPMIN', key)[1]))
  end
end

-- The delivery will not be tried again by itself. Its record stays listed for a while; its body goes, since it could be
-- rendered again from what the batch keeps.
function hook.settle_dead(bounds, shard, endpoint, event, reason, now)
  redis.call('HSET', hook.key_delivery(event), 'state', 'dead', 'reason', reason, 'ended_ms', hook.whole_ms(now))
  redis.call('PEXPIRE', hook.key_delivery(event), bounds.keep_dead_ms)
  bury(bounds, endpoint, event, now)
  redis.call('ZREM', hook.key_queue(endpoint), event)
  redis.call('DEL', hook.key_body(event))
  redis.call('HINCRBY', hook.key_counts(shard), 'pending', -1)
end

-- The four bounds that stand first in ARGV of every script that ends deliveries (limits.h).
function hook.read_bounds(first)
  return {
    keep_delivered_ms = tonumber(ARGV[first]),
    keep_dead_ms = tonumber(ARGV[first + 1]),
    log = tonumber(ARGV[first + 2]),
    dead = tonumber(ARGV[first + 3]),
  }
end
