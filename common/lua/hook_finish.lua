#!lua flags=allow-oom
-- Ends attempts: delivered, to be tried again, given up, or handed back because the fault was ours.
--
-- Only who still holds the claim decides what becomes of a delivery. A result that comes after the lease ran out has
-- been recorded as "unknown" and queued again by then: a late success still ends the delivery and takes the queued
-- duplicate away, a late failure is only noted.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1-4] keep_delivered_ms, keep_dead_ms, attempt log entries, dead deliveries kept for one endpoint
-- ARGV[5]  notifier id
-- ARGV[6+] per attempt eleven: shard, endpoint, event, attempt, verdict, code, HTTP status or 0, ms until it is due again
--          (retry, return), ms to leave the endpoint alone (0: none), ms the attempt took,
--          the phases of its request or "" (kept as they are: notifier/phases.h)
--          verdict: "delivered", "retry", "dead" (code is the reason kept), "return" (no attempt is counted; the endpoint is
--          left alone until it is due again)
-- Returns  { now ms, { result, ms the endpoint is due again or -1, word }, ... }, a result per attempt: 1 done, 2 late
--           success, 0 nothing to do (finished before, or overtaken); the word is what is to be told of the endpoint:
--           "failing", "disabled", "recovered", mostly ""
-- Errors   ERR_INVALID for a verdict of another name; the attempts before it are done
-- Again    0 for each, nothing changes.
-- Bound    O(attempts), each about fifteen commands.
-- @include lib/hook_health.lua

local ITEM = 11
local bounds = hook.read_bounds(1)
local owner = ARGV[5]
local now = NOW_US / 1000

local function note(item)
  hook.log_attempt(bounds, item.endpoint, item.event, item.attempt, item.code, item.status,
    hook.whole_ms(now - item.took_ms), item.took_ms, item.phases)
  redis.call('HSET', hook.key_delivery(item.event), 'last', item.attempt .. ':' .. item.code)
end

-- What the attempt says of its endpoint.
local function note_health(item)
  local known = health.load(item.endpoint)
  if not known.status then
    return
  end
  if item.verdict == 'delivered' then
    item.word = health.succeeded(known, item.took_ms, now)
  else
    item.word = health.failed(known, item.code, item.took_ms, now)
  end
  if item.pause_ms > 0 then
    redis.call('HSET', hook.key_endpoint(item.endpoint), 'paused_until_ms', hook.whole_ms(now + item.pause_ms))
  end
end

local function requeue(item, state)
  local due = now + item.delay_ms
  redis.call('ZADD', hook.key_queue(item.endpoint), hook.ms_text(due), item.event)
  redis.call('HSET', hook.key_delivery(item.event), 'state', state, 'next_ms', hook.whole_ms(due))
end

local apply = {}

function apply.delivered(item)
  note(item)
  note_health(item)
  hook.settle_delivered(bounds, item.shard, item.endpoint, item.event, now)
end

function apply.retry(item)
  requeue(item, 'retrying')
  note(item)
  note_health(item)
end

function apply.dead(item)
  note(item)
  note_health(item)
  hook.settle_dead(bounds, item.shard, item.endpoint, item.event, item.code, now)
end

-- What kept it from being sent keeps the others of its endpoint, too: they would all be claimed, and handed back, in its stead.
apply['return'] = function(item)
  local attempts = redis.call('HINCRBY', hook.key_delivery(item.event), 'attempts', -1)
  requeue(item, attempts > 0 and 'retrying' or 'pending')
  if item.delay_ms > 0 and redis.call('HEXISTS', hook.key_endpoint(item.endpoint), 'status') == 1 then
    redis.call('HSET', hook.key_endpoint(item.endpoint), 'held_until_ms', hook.whole_ms(now + item.delay_ms))
  end
end

-- The claim is gone. `last` tells whether this attempt was reported already, or given up as unknown.
local function late(item, state, last)
  local is_unknown = last == item.attempt .. ':unknown'
  if item.verdict == 'delivered' and state ~= 'delivered' then
    note(item)
    note_health(item)
    if state == 'dead' then
      redis.call('HINCRBY', hook.key_counts(item.shard), 'pending', 1) -- it was counted off when it died
      redis.call('HDEL', hook.key_delivery(item.event), 'reason')
    end
    hook.settle_delivered(bounds, item.shard, item.endpoint, item.event, now)
    return 2
  end
  if is_unknown and state ~= 'delivered' then
    note(item)
  end
  return 0
end

local function finish(item)
  local member = item.endpoint .. '/' .. item.event .. '/' .. item.attempt .. '/' .. owner
  local delivery = redis.call('HMGET', hook.key_delivery(item.event), 'state', 'last')
  local state, last = delivery[1], delivery[2]
  local is_held = redis.call('ZSCORE', hook.key_inflight(item.shard), member)
  local result = 0
  if state and not is_held then
    result = late(item, state, last)
  elseif state == 'in_flight' then
    apply[item.verdict](item)
    result = 1
  elseif state then
    note(item) -- a late success of an earlier attempt has ended the delivery meanwhile
  end
  redis.call('ZREM', hook.key_inflight(item.shard), member)
  return { result, hook.due_reply(hook.ring_touch(item.shard, item.endpoint, now)), item.word or '' }
end

local reply = { NOW_MS }
for first = 6, #ARGV, ITEM do
  local shard, endpoint, event, attempt, verdict, code, status, delay_ms, pause_ms, took_ms, phases =
    unpack(ARGV, first, first + ITEM - 1)
  if not apply[verdict] then
    return redis.error_reply('ERR_INVALID verdict')
  end
  reply[#reply + 1] = finish({
    shard = shard,
    endpoint = endpoint,
    event = event,
    attempt = attempt,
    verdict = verdict,
    code = code,
    status = status,
    delay_ms = tonumber(delay_ms),
    pause_ms = tonumber(pause_ms),
    took_ms = tonumber(took_ms),
    phases = phases,
  })
end
return reply
