#!lua flags=no-writes
-- What holds a batch back now: the chain from its cell to its calls, read at one instant. Reads only, changes nothing.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- Returns  {now ms, {field, value, ...}, {code, holds (0|1), until ms, next ms, latest ms, count, of, word}, ...}
--          fields: state, sealed, trunk, and the batch's counters
--          rows: in the order of the chain; the codes and what they mean are the table of common/domain/why.c. "" where
--          a row has none. holds: 1 where the row alone keeps the batch from its next call or, where no call is left to
--          dial, from its end. until: when time alone changes that; next: when the engine looks again; latest: when it
--          is over at the latest
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant)
-- Bound    O(log n): 60 commands, and 3 for each call looked at: at most 200 on their way and 500 that wait for a summary
-- @include lib/call.lua
-- @include lib/credit.lua
local WORKER_SEEN_MS = 10000 -- a worker ticks every one or two seconds
local FLYING_SAMPLE = 200
local ENDED_SAMPLE = 500

local batch = batch_load(check_id(ARGV[1], 48, 'batch'))
if not batch or batch.tenant ~= check_id(ARGV[2], 64, 'tenant') or batch_is_hidden(batch) then
  return redis.error_reply('ERR_NOT_FOUND batch')
end

local reply = { fmt(NOW_MS), {} }
for _, field in ipairs({ 'state', 'sealed', 'trunk' }) do
  table.insert(reply[2], field)
  table.insert(reply[2], batch[field] or '')
end
for _, field in ipairs({ 'total', 'due', 'claimed', 'live', 'ended', 'succeeded', 'failed' }) do
  table.insert(reply[2], field)
  table.insert(reply[2], fmt(batch[field]))
end

-- `facts`: until_ms, next_ms, latest_ms, count, of, word.
local function reason(code, holds, facts)
  local function number(value)
    return value and fmt(value) or ''
  end
  reply[#reply + 1] = { code, holds and 1 or 0, number(facts.until_ms), number(facts.next_ms), number(facts.latest_ms),
    number(facts.count), number(facts.of), facts.word or '' }
end

-- ---- what there is to dial ----

local is_open = not batch_is_cut(batch) and not ENDED_STATES[batch.state]
local start_ms = batch.start_ms or 0
local fresh = is_open and batch.total - batch.cursor or 0
local retries = redis.call('ZCARD', key_retry(batch.id))
local retries_due = redis.call('ZCOUNT', key_retry(batch.id), '-inf', fmt(NOW_MS))
local is_dialable = is_open and (batch.sealed ~= '1' or batch.due > 0)
local is_due = is_open and (fresh > 0 and start_ms <= NOW_MS or retries_due > 0) and not window_objection(batch, NOW_MS)
-- Due calls are fresh, among the retries, or held for their number, and nowhere else (audit: due_in_one_place).
local held = batch.sealed == '1' and is_open and math.max(0, batch.due - fresh - retries) or 0
-- Pace lets it go on at once: what keeps it then is whose turn it is.
local is_eligible = is_due and (batch.tat_us or 0) <= NOW_US

-- ---- each level ----

local function why_cell()
  local cell = redis.call('HMGET', P .. 'cell', 'closed_until', 'stopped_ms')
  local closed_until = tonumber(cell[1] or nil)
  if cell[2] then
    reason('CELL_STOPPED', is_dialable, {})
  end
  if closed_until and closed_until > NOW_MS then
    reason('CELL_CLOSED', is_dialable, { until_ms = closed_until })
  end
  local last = redis.call('ZRANGE', KEY_WORKERS, -1, -1, 'WITHSCORES')
  if not last[2] or NOW_MS - tonumber(last[2]) > WORKER_SEEN_MS then
    reason('NO_WORKER', true, {})
  end
end

local function why_breaker(trunk)
  local fields = redis.call('HMGET', trunk.key, 'breaker', 'breaker_reason')
  local facts = { until_ms = trunk.breaker_until_ms, word = fields[2] or '' }
  if fields[1] == 'probing' then
    reason('TRUNK_PROBING', is_dialable, facts)
  else
    reason('TRUNK_BREAKER', is_dialable, facts)
  end
end

-- Stopped, full, or at the end of its rate: the same for trunk and tenant.
local function why_resource(level, kind, resource)
  if not resource or resource.state ~= 'active' then
    local why = resource and redis.call('HGET', resource.key, 'reason') or nil
    reason(level .. '_STOPPED', is_dialable, { word = resource and (why or '') or 'missing' })
    return
  end
  if resource.hold_until_ms > NOW_MS then
    reason(level .. '_HELD', is_dialable, { until_ms = resource.hold_until_ms })
  end
  if (resource.breaker_until_ms or 0) > NOW_MS then
    why_breaker(resource)
  end
  local left = room(kind, resource)
  if left <= 0 then
    reason(level .. '_FULL', is_due, { count = resource.max_concurrent - left, of = resource.max_concurrent })
  end
  if resource.tat_us and resource.tat_us > NOW_US then
    reason(level .. '_RATE', is_due, { until_ms = math.ceil(resource.tat_us / 1000), of = resource.cps })
  end
end

-- Other tenants' turns on the trunk, and this tenant's own batches of higher priority or earlier start.
local function why_flow(tenant)
  local turn = key_flows_turn(batch.trunk)
  local ahead = redis.call('ZRANK', turn, batch.tenant)
  if ahead and ahead > 0 then
    reason('TURN_OF_OTHERS', is_eligible and (not tenant or (tenant.tat_us or 0) <= NOW_US),
      { count = ahead, of = redis.call('ZCARD', turn) })
  end
  if is_due then
    local score = (10 - (batch.priority or 5)) * 8796093022208 + start_ms
    local batches_ahead = redis.call('ZCOUNT', key_lanes_ready(batch.trunk, batch.tenant), '-inf', '(' .. fmt(score))
    if batches_ahead > 0 then
      reason('BATCHES_AHEAD', is_eligible, { count = batches_ahead })
    end
  end
end

-- Its window lets what is due first begin later than it could, or nothing begins any more.
local function why_times()
  if window_objection(batch, NOW_MS) == 'expired' then
    if batch.state ~= 'cancelling' then
      reason('BATCH_EXPIRED', true, { count = batch.due + batch.claimed + batch.live + batch.ended })
    end
    return
  end
  local due = is_dialable and lane_due_ms(batch)
  local earliest = due and math.max(due, NOW_MS)
  local opening = earliest and window_opening(batch, earliest, earliest)
  if opening and opening > earliest then
    reason('WINDOW_CLOSED', true, { until_ms = opening })
  elseif earliest and not opening and earliest < (batch.expires_ms or math.huge) then
    reason('WINDOW_UNKNOWN', true, {})
  end
end

local function why_paused(tenant)
  local word = redis.call('HGET', key_batch(batch.id), 'reason') or ''
  if word == CREDITS and tenant and tenant.available_s then
    reason('BATCH_UNFUNDED', is_dialable, { count = tenant.available_s, of = credit.LEAST_S })
  elseif word == 'poison' then
    reason('BATCH_REFUSED', is_dialable, { word = redis.call('HGET', key_batch(batch.id), 'refusal') or '' })
  else
    reason('BATCH_PAUSED', is_dialable, { word = word })
  end
end

local function why_batch(tenant)
  if batch.state == 'ingesting' or batch.state == 'draft' then
    reason('BATCH_' .. batch.state:upper(), true, { count = batch.total })
  elseif batch.state == 'paused' then
    why_paused(tenant)
  elseif batch.state == 'cancelling' then
    reason('BATCH_CANCELLING', true, { count = batch.due + batch.claimed + batch.live + batch.ended })
  end
  if is_dialable and start_ms > NOW_MS then
    reason('BATCH_SCHEDULED', true, { until_ms = start_ms })
  end
  why_times()
  local left = room('b', batch)
  if left <= 0 then
    reason('BATCH_FULL', is_due, { count = batch.max_concurrent - left, of = batch.max_concurrent })
  end
  if is_due and batch.tat_us and batch.tat_us > NOW_US then
    reason('BATCH_RATE', true, { until_ms = math.ceil(batch.tat_us / 1000), of = batch.cps })
  end
end

-- When the next of the batch's live calls is looked up, and when the last must be over. `flying` knows the batch's calls
-- on their way by their ends; a claimed one is none of `live`.
local function live_times()
  local next_check
  for _, member in ipairs(redis.call('ZRANGE', key_flying('b', batch.id), 0, FLYING_SAMPLE - 1)) do
    local at = tonumber(redis.call('ZSCORE', KEY_LIVE, member) or nil)
    if at and (not next_check or at < next_check) then
      next_check = at
    end
  end
  return next_check, tonumber(redis.call('ZRANGE', key_flying('b', batch.id), -1, -1, 'WITHSCORES')[2])
end

-- When the first summary is no longer waited for: its own instant where it is among the first of the cell.
local function next_ended()
  local ended = redis.call('ZRANGE', KEY_ENDED, 0, ENDED_SAMPLE - 1, 'WITHSCORES')
  local prefix = batch.id .. '/'
  for i = 1, #ended, 2 do
    if ended[i]:sub(1, #prefix) == prefix then
      return tonumber(ended[i + 1])
    end
  end
  return nil
end

local function why_calls()
  if is_open and retries > retries_due then
    local head = redis.call('ZRANGE', key_retry(batch.id), '(' .. fmt(NOW_MS), '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    local last = redis.call('ZRANGE', key_retry(batch.id), -1, -1, 'WITHSCORES')
    reason('RETRY_WAIT', fresh == 0 and retries_due == 0,
      { until_ms = tonumber(head[2]), latest_ms = tonumber(last[2]), count = retries - retries_due })
  end
  if held > 0 then
    reason('NUMBER_BUSY', fresh == 0 and retries == 0, { count = held })
  end
  local is_rest = not is_dialable
  if batch.claimed > 0 then
    reason('CALLS_CLAIMED', is_rest, { count = batch.claimed })
  end
  if batch.live > 0 then
    local next_check, deadline = live_times()
    reason('CALLS_LIVE', is_rest, { next_ms = next_check, latest_ms = deadline, count = batch.live })
  end
  if batch.ended > 0 then
    reason('CALLS_ENDED', is_rest,
      { next_ms = next_ended(), latest_ms = NOW_MS + (batch.summary_wait_ms or 120000), count = batch.ended })
  end
end

if batch.state == 'completed' or batch.state == 'cancelled' then
  reason('BATCH_' .. batch.state:upper(), true, {})
  return reply
elseif batch.state == 'failed' then
  reason('BATCH_FAILED', true, { word = redis.call('HGET', key_batch(batch.id), 'reason') or '' })
  return reply
end
why_cell()
local trunk, tenant = resource_load('k', batch.trunk), resource_load('t', batch.tenant)
why_resource('TRUNK', 'k', trunk)
why_resource('TENANT', 't', tenant)
why_flow(tenant)
why_batch(tenant)
why_calls()
return reply
