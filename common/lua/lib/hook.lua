-- @include cell.lua
-- What the notifier's scripts share: the names of its keys, and the moves that more than one of them makes.
--
-- A delivery is one event on its way to one endpoint (a tenant's origin). It waits in its endpoint's queue, by the ms
-- it is due; the endpoints with something to serve stand in one of their shard's two rings, by the ms they may be served:
-- the healthy ones in one, the failing and the slow ones in the other, so that however many of these there are, they are in
-- nobody's way; a claimed delivery lies in the shard's inflight set until its attempt is finished or its lease runs out.
local hook = { group = 'notifier', test_type = 'webhook.test' }

function hook.key_events(shard)
  return P .. 'events:' .. shard
end

function hook.key_lease(shard)
  return P .. 'hooks:lease:' .. shard
end

function hook.key_ring(shard)
  return P .. 'hooks:ring:' .. shard
end

function hook.key_slow(shard)
  return P .. 'hooks:slow:' .. shard
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

-- Whether `fn` ran to its end, or else why not: of what Redis holds, nothing can be made of something. A right that the user
-- lacks is no fault of what was looked at, and ends the script.
function hook.try(fn, ...)
  local is_done, why = pcall(fn, ...)
  why = type(why) == 'table' and why.err or tostring(why)
  if not is_done and string.find(why, "user executing the script can't ", 1, true) then
    error(why)
  end
  return is_done, why
end

-- How long what is torn is left alone.
hook.TORN_MS = 60000

-- A value of a flat list of fields and values, or nil.
function hook.field_of(flat, name)
  for i = 1, #flat, 2 do
    if flat[i] == name then
      return flat[i + 1]
    end
  end
  return nil
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

local function least_of(a, b)
  return (a and b) and math.min(a, b) or a or b
end

-- The least head of the rings of `shards`, or nil. `slow_too`: of both.
function hook.next_due_ms(shards, slow_too)
  local least
  for _, shard in ipairs(shards) do
    least = least_of(least, hook.head_ms(hook.key_ring(shard)))
    if slow_too then
      least = least_of(least, hook.head_ms(hook.key_slow(shard)))
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

local SLOW_MS = 2000

-- Whether an endpoint is in nobody's way only in the slow ring: it fails, or takes its time.
function hook.is_slow(failures, latency_ms)
  return (tonumber(failures) or 0) > 0 or (tonumber(latency_ms) or 0) > SLOW_MS
end

-- When `endpoint` may be served next, or nil where nothing waits; whether it is held back until then; whether it is slow.
-- Never in the past: the ring is a queue for turns, and a backlog must not put its owner before everybody else for ever.
-- What waits for one that is disabled is given up in its turn, however long it would have waited otherwise.
function hook.servable_ms(endpoint, now)
  local head = hook.head_ms(hook.key_queue(endpoint))
  if not head then
    return nil
  end
  local known = redis.call('HMGET', hook.key_endpoint(endpoint), 'paused_until_ms', 'open_until_ms', 'failures', 'latency_ms',
    'status', 'held_until_ms')
  if known[5] == 'disabled' then
    return now, false, hook.is_slow(known[3], known[4])
  end
  local held = math.max(tonumber(known[1] or 0), tonumber(known[2] or 0), tonumber(known[6] or 0))
  return math.max(head, now, held), held > now, hook.is_slow(known[3], known[4])
end

-- Puts the endpoint into the ring where it belongs, and takes it out of the other. `keeps_place`: one that stands there
-- already is only moved forward.
function hook.ring_put(shard, endpoint, due, is_slow, keeps_place)
  local ring, other = hook.key_ring(shard), hook.key_slow(shard)
  if is_slow then
    ring, other = other, ring
  end
  if keeps_place then
    redis.call('ZADD', ring, 'LT', hook.ms_text(due), endpoint)
  else
    redis.call('ZADD', ring, hook.ms_text(due), endpoint)
  end
  redis.call('ZREM', other, endpoint)
end

function hook.ring_drop(shard, endpoint)
  redis.call('ZREM', hook.key_ring(shard), endpoint)
  redis.call('ZREM', hook.key_slow(shard), endpoint)
end

-- Lets the rings know that the queue of `endpoint` changed, or how it is. One that stands there already keeps its place,
-- unless it may be served sooner now, or is held back. Tells when it may be served, or nil.
function hook.ring_touch(shard, endpoint, now)
  local due, is_held, is_slow = hook.servable_ms(endpoint, now)
  if not due then
    hook.ring_drop(shard, endpoint)
    return nil
  end
  hook.ring_put(shard, endpoint, due, is_slow, not is_held)
  return tonumber(redis.call('ZSCORE', is_slow and hook.key_slow(shard) or hook.key_ring(shard), endpoint))
end

-- One line in the endpoint's attempt log. `bounds.log` lines are kept, roughly. `phases` is the notifier's text of how long
-- what took, "" where nothing was sent. Who asked for the attempt is told where it was not the schedule; the next one is
-- the schedule's again.
function hook.log_attempt(bounds, endpoint, event, attempt, code, status, began_ms, took_ms, phases)
  local line = { 'event', event, 'attempt', attempt, 'code', code, 'status', status, 'began_ms', began_ms, 'took_ms', took_ms }
  if phases ~= '' then
    line[#line + 1] = 'phases'
    line[#line + 1] = phases
  end
  local trigger = redis.call('HGET', hook.key_delivery(event), 'trigger')
  if trigger then
    line[#line + 1] = 'trigger'
    line[#line + 1] = trigger
    redis.call('HDEL', hook.key_delivery(event), 'trigger')
  end
  redis.call('XADD', hook.key_log(endpoint), 'MAXLEN', '~', bounds.log, '*', unpack(line))
end

local function drop_body(endpoint, event)
  local key = hook.key_body(event)
  local len = redis.call('STRLEN', key)
  if len > 0 then
    redis.call('DEL', key)
    if redis.call('HEXISTS', hook.key_endpoint(endpoint), 'bytes') == 1 then
      redis.call('HINCRBY', hook.key_endpoint(endpoint), 'bytes', -len)
    end
  end
end

-- The delivery reached the tenant: its body goes, a short record stays so that the same event is not delivered again.
function hook.settle_delivered(bounds, shard, endpoint, event, now)
  redis.call('HSET', hook.key_delivery(event), 'state', 'delivered', 'ended_ms', hook.whole_ms(now))
  redis.call('HDEL', hook.key_delivery(event), 'url', 'next_ms')
  redis.call('PEXPIRE', hook.key_delivery(event), bounds.keep_delivered_ms)
  redis.call('ZREM', hook.key_queue(endpoint), event)
  redis.call('ZREM', hook.key_dead(endpoint), event)
  drop_body(endpoint, event)
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
  redis.call('HDEL', hook.key_delivery(event), 'trigger', 'next_ms')
  redis.call('PEXPIRE', hook.key_delivery(event), bounds.keep_dead_ms)
  bury(bounds, endpoint, event, now)
  redis.call('ZREM', hook.key_queue(endpoint), event)
  drop_body(endpoint, event)
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
