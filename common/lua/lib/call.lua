-- @include scheduler.lua
-- @include contact.lua
-- One call: its state text, its transitions, what it holds while it is on its way.
--
-- The state text is for scripts and people alike: "phase=live a=1 d=2 w=w1 b=1763..." (docs/redis-keys.md):
--   phase  a attempts charged  d dials numbered  w owner  q slot (us)  t number while on the way  b begin (ms)
--   h hard deadline (ms)  p provider's id  z first found absent (ms)  s answered (ms)  e ended (ms)  u duration (s)
--   x last outcome  n next time (ms)  l last dial begun  g 1: that dial was given back, its attempt is not charged
local CALL_FIELDS = { 'phase', 'a', 'd', 'l', 'w', 'q', 't', 'b', 'h', 'p', 'z', 's', 'e', 'u', 'x', 'n', 'g' }

local function call_read(batch, ordinal)
  local text = redis.call('HGET', key_bucket(batch.id, 'state', ordinal), fmt(ordinal))
  local call = { ordinal = ordinal, phase = 'due', a = 0, d = 0, is_fresh = not text }
  if text then
    for name, value in text:gmatch('(%w+)=(%S*)') do
      call[name] = value
    end
    call.a, call.d, call.l = tonumber(call.a) or 0, tonumber(call.d) or 0, tonumber(call.l)
  end
  return call
end

local function call_write(batch, call)
  local parts = {}
  for _, field in ipairs(CALL_FIELDS) do
    local value = call[field]
    if value ~= nil then
      parts[#parts + 1] = field .. '=' .. (type(value) == 'number' and fmt(value) or value)
    end
  end
  redis.call('HSET', key_bucket(batch.id, 'state', call.ordinal), fmt(call.ordinal), table.concat(parts, ' '))
end

-- The only writer of a call's phase; keeps the batch's counters in step.
local PHASE_COUNTER = { due = 'due', claimed = 'claimed', live = 'live', ended = 'ended' }
local function call_move(batch, call, event)
  local to = transition_to(CALL_TRANSITIONS, call.phase, event)
  if not to then
    fail('ERR_STATE call ' .. batch.id .. '-' .. fmt(call.ordinal) .. ' is ' .. call.phase .. ', not for ' .. event)
  end
  local from_counter, to_counter = PHASE_COUNTER[call.phase], PHASE_COUNTER[to]
  if to_counter then
    batch[to_counter] = batch[to_counter] + 1
  else
    local counter = SUCCEEDED[call.x or ''] and 'succeeded' or 'failed'
    batch[counter] = batch[counter] + 1
    batch.outcomes[call.x] = (batch.outcomes[call.x] or 0) + 1
  end
  batch[from_counter] = batch[from_counter] - 1
  call.phase = to
end

local function call_member(batch, call)
  return batch.id .. '/' .. fmt(call.ordinal) .. '/' .. fmt(call.d)
end

-- ---- the attempt log: one line a dial, oldest first, bounded ----
local ATTEMPT_LINES = 32
local function attempt_log(batch, call, line)
  local key, field = key_bucket(batch.id, 'attempts', call.ordinal), fmt(call.ordinal)
  local text = (redis.call('HGET', key, field) or '') .. line .. '\n'
  local _, lines = text:gsub('\n', '\n')
  while lines > ATTEMPT_LINES do
    text = text:gsub('^[^\n]*\n', '', 1)
    lines = lines - 1
  end
  redis.call('HSET', key, field, text)
end

-- ---- what a call holds ----

local function flying_set(batch, member, until_ms)
  redis.call('ZADD', key_flying('k', batch.trunk), fmt(until_ms), member)
  redis.call('ZADD', key_flying('t', batch.tenant), fmt(until_ms), member)
  redis.call('ZADD', key_flying('b', batch.id), fmt(until_ms), member)
end

-- Gives back trunk, tenant and batch concurrency, and wakes whoever waited for it.
local function flying_drop(batch, member)
  redis.call('ZREM', key_flying('k', batch.trunk), member)
  redis.call('ZREM', key_flying('t', batch.tenant), member)
  redis.call('ZREM', key_flying('b', batch.id), member)
  batch.room = nil
  for name in pairs(resources) do
    if resources[name] then
      resources[name].room = nil
    end
  end
  wake_trunk(batch.trunk)
  wake_tenant(batch.tenant)
  wake_batch(batch)
end

-- Puts a call back among the due ones: the cursor cannot go back, so it re-enters through the retries.
local function retry_add(batch, call, at_ms)
  redis.call('ZADD', key_retry(batch.id), fmt(at_ms), fmt(call.ordinal))
  if batch_is_cut(batch) then
    redis.call('ZADD', KEY_ENDING, 'NX', NOW_MS, batch.id)
  end
  touch_lane(batch)
end

-- ---- one call at a time per tenant and number ----
-- held:t/<tenant> keeps those that wait as "<number>/<since ms>/<batch>/<ordinal>", all with score 0, so that a number's
-- are found by prefix and in order (docs/decisions/0004-held-by-number.md).
local HELD_WAKE = 1000

local function number_hold(batch, call, number)
  redis.call('ZADD', key_held(batch.tenant), 0,
    number .. '/' .. string.format('%013.0f', NOW_MS) .. '/' .. batch.id .. '/' .. fmt(call.ordinal))
  redis.call('ZADD', KEY_PARKED, 'NX', NOW_MS, 'h/' .. batch.tenant)
end

-- All that wait for the number become due: the first one claimed takes it, the others are held again. Waking only one
-- would leave the rest stuck behind a paused batch.
local function number_wake(tenant_id, number)
  local key = key_held(tenant_id)
  local members = redis.call('ZRANGEBYLEX', key, '[' .. number .. '/', '(' .. number .. '0', 'LIMIT', 0, HELD_WAKE)
  for _, member in ipairs(members) do
    local batch_id, ordinal = member:match('^%d+/%d+/([^/]+)/(%d+)$')
    local batch = batch_load(batch_id)
    if batch then
      retry_add(batch, { ordinal = tonumber(ordinal) }, NOW_MS)
    end
    redis.call('ZREM', key, member)
  end
  if #members > 0 then
    wake_workers()
  end
  return #members
end

local function number_free(batch, call)
  if call.t and redis.call('HGET', key_dialing(batch.tenant), call.t) == call_member(batch, call) then
    redis.call('HDEL', key_dialing(batch.tenant), call.t)
    number_wake(batch.tenant, call.t)
  end
  call.t = nil
end

-- Everything a call holds on its way is given back.
local function call_let_go(batch, call)
  local member = call_member(batch, call)
  number_free(batch, call)
  flying_drop(batch, member)
end

-- ---- endings ----

-- The contact's last word: counted, told, and the batch ended where it was the last. `call.x` is its outcome.
local function call_finalize(batch, call, is_told)
  call.w, call.q, call.h, call.n, call.z = nil, nil, nil, nil, nil
  call_move(batch, call, 'finish')
  call_write(batch, call)
  if is_told and batch.on_call_complete then
    event_write(batch, 'call.completed',
      'evt_' .. batch.id .. '-' .. fmt(call.ordinal) .. '-' .. fmt(call.a) .. '-call_completed',
      { 'call', fmt(call.ordinal), 'attempt', fmt(call.a) })
  end
  batch_check_end(batch)
end
