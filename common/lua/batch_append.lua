#!lua flags=allow-oom
-- Takes, renews or gives back the lease under which contacts are added to a sealed batch (batch_ingest). While one holds,
-- the batch does not end, so that it cannot be over between two chunks. One that is not renewed passes (worker_tick).
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- ARGV[3]  holder: who appends; several may at the same time, at most 16
-- ARGV[4]  lease from now, ms (at most 600000); 0 gives it back
-- Returns  {state, total}
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant), ERR_STATE <state> (not sealed, expired, ending or
--          ended; or too many append)
-- Bound    O(log n); 30 commands
-- Again    a lease taken again is renewed; one given back again changes nothing
-- @include lib/appending.lua
local id = check_id(ARGV[1], 48, 'batch')
local tenant = check_id(ARGV[2], 64, 'tenant')
local holder = check_id(ARGV[3], 64, 'holder')
local lease_ms = check_number(ARGV[4], 'lease')
if lease_ms < 0 or lease_ms > 600000 then
  return redis.error_reply('ERR_INVALID lease')
end
local batch = batch_load(id)
if not batch or batch.tenant ~= tenant or batch_is_hidden(batch) then
  return redis.error_reply('ERR_NOT_FOUND batch')
end

if lease_ms > 0 then
  if not takes_more(batch) then
    return redis.error_reply('ERR_STATE ' .. batch.state)
  end
  if not appending_take(batch, holder, lease_ms) then
    return redis.error_reply('ERR_STATE ' .. batch.state .. ', and too many append to it')
  end
elseif redis.call('ZREM', key_appending(id), holder) == 1 then
  appending_list(batch)
  batch_check_end(batch)
end
commit()
return { batch.state, fmt(batch.total) }
