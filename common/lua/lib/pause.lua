-- @include scheduler.lua
-- A pause and its end. unfunded:t/<tenant> holds the batches that are paused for want of credit, by since when; batch_move()
-- takes a batch off it that is paused no more.
local CREDITS = 'credits'

-- True where the batch is paused now. One that its user pauses while it wants credit does not go on when credit comes.
-- `is_told`: its pause is known already. `more`: fields of its event beside the reason.
local function batch_pause(batch, reason, is_told, more)
  local was_paused = batch.state == 'paused'
  if was_paused and (reason == CREDITS or redis.call('ZREM', key_unfunded(batch.tenant), batch.id) == 0) then
    return true
  elseif not was_paused and not batch_move(batch, 'pause') then
    return false
  end
  redis.call('HSET', key_batch(batch.id), 'reason', reason, 'paused_ms', fmt(NOW_MS))
  if was_paused then
    return true
  end
  if reason == CREDITS then
    redis.call('ZADD', key_unfunded(batch.tenant), NOW_MS, batch.id)
  end
  batch.pauses = batch.pauses + 1
  if not is_told then
    event_write(batch, 'batch.paused', fmt(batch.pauses) .. '-', { 'reason', reason, unpack(more or {}) })
  end
  touch_lane(batch)
  return true
end

-- True where the batch may go on now.
local function batch_resume(batch)
  if SCHEDULABLE[batch.state] then
    return true
  end
  local event = batch.started_ms and 'resume_started' or ((batch.start_ms or 0) > NOW_MS and 'resume_future' or 'resume')
  if not batch_move(batch, event) then
    return false
  end
  batch_forget(batch, 'refused')
  redis.call('HDEL', key_batch(batch.id), 'reason', 'paused_ms', 'refusal')
  touch_lane(batch)
  batch_check_end(batch)
  wake_workers()
  return true
end
