#!lua flags=allow-oom
-- What a tenant may do to a batch, each in constant time: the contacts are not touched.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- ARGV[3]  verb: "pause" | "resume" | "cancel" | "fail"
-- ARGV[4]  reason of a pause or failure; "in-flight" for a cancel that hangs up the calls on the line too, in worker_tick
--          and call_checks
-- ARGV[5]  error code, for "fail"
-- Returns  {state, calls taken off the queue (cancel), calls on the line, its trunk's profile}
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant), ERR_STATE <state> (not permitted in it)
-- Bound    O(log n); 60 commands
-- Again    pause, resume and cancel answer the state they made
-- @include lib/call.lua
-- @include lib/pause.lua
local id = check_id(ARGV[1], 48, 'batch')
local tenant = check_id(ARGV[2], 64, 'tenant')
local verb = ARGV[3]
local batch = batch_load(id)
if not batch or batch.tenant ~= tenant or batch_is_hidden(batch) then
  return redis.error_reply('ERR_NOT_FOUND batch')
end

local function refuse()
  return redis.error_reply('ERR_STATE ' .. batch.state)
end

local function pause()
  return batch_pause(batch, ARGV[4] or 'user')
end

local function resume()
  return batch_resume(batch)
end

-- Contacts that were never begun end by arithmetic; those that wait for a retry end in worker_tick, with their events.
local taken = 0
local function cut(event, outcome)
  if not batch_move(batch, event) then
    return false
  end
  if batch.sealed ~= '1' then
    batch.sealed, batch.due, batch.cursor = '1', batch.total, 0
    redis.call('ZREM', KEY_PURGE, 'draft/' .. id)
  end
  taken = batch.due + batch.claimed
  batch.cancelled = batch.cancelled + batch_cut(batch, outcome)
  batch_list_times(batch)
  touch_lane(batch)
  return true
end

local function cancel()
  local is_known = batch.state == 'cancelling' or batch.state == 'cancelled'
  if not is_known and not cut('cancel', 'CANCELLED') then
    return false
  end
  if ARGV[4] == 'in-flight' and batch.state == 'cancelling' and not batch.stops_live then
    batch.stops_live = '1'
    redis.call('ZADD', KEY_STOPPING, 0, id)
    wake_workers()
  end
  if is_known then
    return true
  end
  batch_check_end(batch)
  wake_workers()
  return true
end

-- A batch that can never run. What waits for a retry, and what is on its way, ends as in a cancel.
local function fail_batch()
  if batch.state == 'failed' then
    return true
  end
  local code, reason = ARGV[5] or '', ARGV[4] or ''
  if not cut('fail', 'CANCELLED') then
    return false
  end
  batch.completed_ms = NOW_MS
  batch_list_removal(batch)
  redis.call('HSET', key_batch(id), 'reason', reason, 'code', code)
  event_write(batch, 'batch.failed', '0-', { 'error', reason, 'code', code })
  return true
end

local VERBS = { pause = pause, resume = resume, cancel = cancel, fail = fail_batch }
if not VERBS[verb] then
  return redis.error_reply('ERR_INVALID verb')
end
if not VERBS[verb]() then
  return refuse()
end
commit()
return { batch.state, taken, batch.live, redis.call('HGET', key_trunk(batch.trunk), 'profile') or '' }
