#!lua flags=allow-oom
-- Removes an ended batch before its time: it is out of sight at once, and what it holds goes in steps of worker_tick; not
-- before its last events were told, for which an hour after its end is allowed.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- Returns  {ms: when its records go}
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant, or removed already), ERR_STATE <state> (not ended, or failed while calls are
--          on their way)
-- Bound    O(tags * log n)
-- Again    ERR_NOT_FOUND
-- @include lib/batch.lua
local id = check_id(ARGV[1], 48, 'batch')
local tenant = check_id(ARGV[2], 64, 'tenant')
local TELLING_MS = 3600000
local batch = batch_load(id)
if not batch or batch.tenant ~= tenant or batch_is_hidden(batch) then
  return redis.error_reply('ERR_NOT_FOUND batch')
end
if not ENDED_STATES[batch.state] or batch.due + batch.claimed + batch.live + batch.ended > 0 then
  return redis.error_reply('ERR_STATE ' .. batch.state)
end
local removal_ms = math.min(math.max(NOW_MS, batch.completed_ms + TELLING_MS), batch_removal_ms(batch))
redis.call('ZADD', KEY_PURGE, fmt(removal_ms), 'batch/' .. id)
batch_hide(batch)
commit()
return { fmt(removal_ms) }
