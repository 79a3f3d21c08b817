#!lua
-- What a tenant asks of its endpoints: to send a delivery again that has ended, all that died since an instant, or a test.
--
-- A body is gone once its delivery has ended. The event is written again, with what the delivery kept of it, and the notifier
-- renders it anew from the batch (hook_expand, "again"): the same webhook-id, the batch's URLs as they are now. Until then the
-- delivery's field `trigger` says that it is asked for. A test comes with its body and is queued at once.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  "redeliver", "recover" or "test"
-- ARGV[2]  tenant
-- ARGV[3]  the tenant's event shard
-- ARGV[4+] redeliver: delivery id
--          recover: endpoint id, since (ms), how many deliveries to look at (and those that died in the same ms as the last)
--          test: endpoint id, deliveries that may wait for one endpoint, delivery id (new), URL, body
-- Returns  redeliver: "asked"; "busy": it is under way, or asked for; "gone": its batch is; "disabled": its endpoint is
--          recover: { "asked" or "disabled", how many were asked for, how many cannot be (their batches are gone), how many
--          are left, ms of the first of these or -1 }
--          test: "asked"; "full": the last one is under way, or as much waits as may; "disabled"
-- Errors   ERR_NOT_FOUND: the tenant has no such delivery, or endpoint. ERR_INVALID: verb
-- Again    redeliver: "busy" while it is under way. recover: the next ones
-- Bound    O(deliveries looked at)
-- @include lib/hook.lua

local verb, tenant, shard = ARGV[1], ARGV[2], ARGV[3]
local now = NOW_US / 1000
local is_woken = false
local is_ended = { dead = true, delivered = true }

local function endpoint_of(id)
  local known = redis.call('HMGET', hook.key_endpoint(id or ''), 'tenant', 'status', 'test')
  return known[1] == tenant and { status = known[2], test = known[3] } or nil
end

-- Writes the event again, for the one endpoint that the delivery was for; false where that is no use.
local function ask(delivery, endpoint, type, source, trigger)
  local kept = source and cjson.decode(source) or {}
  local batch
  for i = 1, #kept, 2 do
    batch = kept[i] == 'batch' and kept[i + 1] or batch
  end
  if not batch or redis.call('EXISTS', key_batch(batch)) == 0 then
    return false
  end
  local event = string.gsub(delivery, '%-all$', '')
  redis.call('HSET', hook.key_delivery(delivery), 'trigger', trigger)
  redis.call('XADD', hook.key_events(shard), '*', 'id', event, 'type', type, 'tenant', tenant, 'delivery', delivery,
    'endpoint', endpoint, unpack(kept))
  if not is_woken then
    is_woken = true
    redis.call('PUBLISH', KEY_WAKE_EVENTS, 'events')
  end
  return true
end

local function redeliver(delivery)
  local known = redis.call('HMGET', hook.key_delivery(delivery), 'endpoint', 'state', 'type', 'source', 'trigger')
  local endpoint = known[1] and endpoint_of(known[1])
  if not endpoint then
    return redis.error_reply('ERR_NOT_FOUND delivery')
  elseif not is_ended[known[2]] or known[5] then
    return 'busy'
  elseif endpoint.status ~= 'active' then
    return 'disabled'
  end
  return ask(delivery, known[1], known[3], known[4], 'manual') and 'asked' or 'gone'
end

local function recover(id, since_ms, most)
  local endpoint, key = endpoint_of(id), hook.key_dead(id)
  if not endpoint then
    return redis.error_reply('ERR_NOT_FOUND endpoint')
  elseif endpoint.status ~= 'active' then
    return { 'disabled', 0, 0, 0, -1 }
  end
  -- Whole milliseconds: many die in one, and the next step begins behind it, since what cannot be sent again stays listed.
  local last = redis.call('ZRANGE', key, since_ms, '+inf', 'BYSCORE', 'LIMIT', most - 1, 1, 'WITHSCORES')[2]
  local asked, gone = 0, 0
  for _, delivery in ipairs(redis.call('ZRANGE', key, since_ms, last or '+inf', 'BYSCORE')) do
    local known = redis.call('HMGET', hook.key_delivery(delivery), 'state', 'type', 'source', 'trigger')
    if known[1] == 'dead' and not known[4] and ask(delivery, id, known[2], known[3], 'recover') then
      redis.call('ZREM', key, delivery)
      asked = asked + 1
    elseif not known[4] then
      gone = gone + 1
    end
  end
  local left, next_ms = 0, -1
  if last then
    left = redis.call('ZCOUNT', key, '(' .. last, '+inf')
    next_ms = redis.call('ZRANGE', key, '(' .. last, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2] or -1
  end
  return { 'asked', asked, gone, left, next_ms }
end

local function is_under_way(event)
  local state = event and redis.call('HGET', hook.key_delivery(event), 'state')
  return state and not is_ended[state]
end

local function test(id, pending_max, event, url, body)
  local endpoint = endpoint_of(id)
  if not endpoint then
    return redis.error_reply('ERR_NOT_FOUND endpoint')
  elseif endpoint.status ~= 'active' then
    return 'disabled'
  elseif is_under_way(endpoint.test) or redis.call('ZCARD', hook.key_queue(id)) >= pending_max then
    return 'full'
  end
  redis.call('SET', hook.key_body(event), body)
  redis.call('HINCRBY', hook.key_endpoint(id), 'bytes', #body)
  redis.call('HSET', hook.key_endpoint(id), 'test', event)
  redis.call('HSET', hook.key_delivery(event), 'endpoint', id, 'type', hook.test_type, 'state', 'pending', 'attempts', 0,
    'created_ms', hook.whole_ms(now), 'url', url, 'trigger', 'test')
  redis.call('HINCRBY', hook.key_counts(shard), 'pending', 1)
  redis.call('ZADD', hook.key_queue(id), hook.ms_text(now), event)
  hook.ring_touch(shard, id, now)
  return 'asked'
end

if verb == 'redeliver' then
  return redeliver(ARGV[4])
elseif verb == 'recover' then
  return recover(ARGV[4], ARGV[5], tonumber(ARGV[6]))
elseif verb == 'test' then
  return test(ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8])
end
return redis.error_reply('ERR_INVALID verb')
