#!lua
-- Begins a chunk of contacts of a draft, whose life it renews, or of a running batch: takes or renews a lease there, under
-- which contacts are added (batch_ingest). While one holds, the batch does not end, so that it cannot be over between two parts
-- of a chunk; one that is neither renewed nor given back (chunk_close) passes (worker_tick). A chunk begun is open until it is
-- whole (chunk_close): a draft is not started before.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- ARGV[3]  chunk, from 1 to 1000000; "" : the next that was never begun
-- ARGV[4]  "look": is to come, piece by piece; "write": is there as a whole
-- ARGV[5]  life of a draft from now, ms
-- ARGV[6]  holder of the lease: who appends; several may at the same time, at most 16
-- ARGV[7]  that lease from now, ms, 1 to 600000
-- ARGV[8]  contacts that the batch may come to hold, for its index to begin with; 0: not known
-- Returns  {chunk or "" (it has none yet), "piecewise" (its parts may be written as they come) | "whole" (only when all of it
--           is there, with "write") | "done", state, total, digest and answer of what is done}
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant), ERR_STATE <state> (it takes no more; or too many
--          append), ERR_TOO_LARGE (64 chunks are open), ERR_QUOTA <quota> <limit> (its tenant's batches hold too much)
-- Bound    O(log n); 30 commands
-- Again    the same, but that "" may give another chunk
-- @include lib/batch.lua
-- @include lib/chunk.lua
-- @include lib/quota.lua
-- @include lib/seen.lua
local id = check_id(ARGV[1], 48, 'batch')
local tenant = check_id(ARGV[2], 64, 'tenant')
local chunk = ARGV[3] ~= '' and fmt(check_number(ARGV[3], 'chunk')) or nil
local is_write = ARGV[4] == 'write'
local life_ms = check_number(ARGV[5], 'life')
local holder = check_id(ARGV[6], 64, 'holder')
local lease_ms = check_number(ARGV[7], 'lease')
local expected = check_number(ARGV[8], 'contacts')
local CHUNK_LAST, OPEN_MOST, HOLDERS_MOST = 1000000, 64, 16
if chunk and (tonumber(chunk) < 1 or tonumber(chunk) > CHUNK_LAST) then
  return redis.error_reply('ERR_INVALID chunk')
end
if lease_ms < 1 or lease_ms > 600000 then
  return redis.error_reply('ERR_INVALID lease')
end
local batch = batch_load(id)
if not batch or batch.tenant ~= tenant or batch.state == 'ingesting' or batch_is_hidden(batch) then
  return redis.error_reply('ERR_NOT_FOUND batch')
end

local digest, answer
if chunk then
  digest, answer = chunk_read(id, chunk)
end
if digest then
  return { chunk, 'done', batch.state, fmt(batch.total), digest, answer }
end
local is_draft = batch.state == 'draft'
if not is_draft and not takes_more(batch) then
  return redis.error_reply('ERR_STATE ' .. batch.state)
end
local refusal = quota_refusal(tenant, redis.call('HGET', key_batch(id), 'quotas'), 0, 0, 0)
if refusal then
  return refusal
end

local function take_lease()
  local key = key_appending(id)
  appending_list(batch)
  if not redis.call('ZSCORE', key, holder) and redis.call('ZCARD', key) >= HOLDERS_MOST then
    return false
  end
  redis.call('ZADD', key, fmt(NOW_MS + lease_ms), holder)
  appending_list(batch)
  return true
end

if not is_draft and not take_lease() then
  return redis.error_reply('ERR_STATE ' .. batch.state .. ', and too many append to it')
end
if is_draft then
  redis.call('ZADD', KEY_PURGE, fmt(NOW_MS + life_ms), 'draft/' .. id)
end

local function mark_open()
  local last = tonumber(redis.call('HGET', key_batch(id), 'last_chunk') or 0)
  chunk = chunk or fmt(last + 1)
  local open = chunks_unfinished(id)
  for _, other in ipairs(open) do
    if other == chunk then
      return true
    end
  end
  if #open >= OPEN_MOST or tonumber(chunk) > CHUNK_LAST then
    return false
  end
  open[#open + 1] = chunk
  redis.call('HSET', key_batch(id), 'last_chunk', fmt(math.max(last, tonumber(chunk))))
  chunks_leave_open(id, open)
  return true
end

if is_draft and batch.total == 0 then
  seen_expect(seen_load(id), expected)
end
local is_piecewise = is_draft and chunk ~= nil
if (is_piecewise or is_write) and not mark_open() then
  return redis.error_reply('ERR_TOO_LARGE chunks are open')
end
return { chunk or '', is_piecewise and 'piecewise' or 'whole', batch.state, fmt(batch.total) }
