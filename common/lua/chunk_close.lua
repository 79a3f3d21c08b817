#!lua flags=allow-oom
-- Ends a chunk that chunk_open began: it is whole, and the same again answers the same; or it is given up, and where nothing
-- of it was written it is forgotten. The lease to append is given back.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- ARGV[3]  chunk; "": none, only the lease is given back
-- ARGV[4]  digest of its bytes; "": it is given up
-- ARGV[5]  parts it was written in
-- ARGV[6]  its answer, at most 16 KiB
-- ARGV[7]  holder of the lease
-- Returns  {"done", the answer} | {"open"} (given up, and parts of it lie there) | {"gone"}
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant, or its parts are not there), ERR_STATE <state>,
--          ERR_EXISTS (it was ended with another digest, or has more parts)
-- Bound    O(log n); 30 commands
-- Again    the same
-- @include lib/batch.lua
-- @include lib/chunk.lua
local id = check_id(ARGV[1], 48, 'batch')
local tenant = check_id(ARGV[2], 64, 'tenant')
local chunk = ARGV[3] ~= '' and fmt(check_number(ARGV[3], 'chunk')) or nil
local digest = ARGV[4] ~= '' and check_id(ARGV[4], 64, 'digest') or nil
local parts = check_number(ARGV[5], 'parts')
local answer = ARGV[6] or ''
local holder = check_id(ARGV[7], 64, 'holder')
if #answer > 16384 then
  return redis.error_reply('ERR_INVALID answer')
end
local batch = batch_load(id)
if not batch or batch.tenant ~= tenant then
  return redis.error_reply('ERR_NOT_FOUND batch')
end
local key = key_chunks(id)
local CHUNK_BYTES = 64 -- what Redis holds of a chunk beside its digest and its answer

local function parts_written()
  return tonumber(redis.call('HGET', key, chunk .. '.n') or 0)
end

local function leave()
  local open = {}
  for _, other in ipairs(chunks_unfinished(id)) do
    if other ~= chunk then
      open[#open + 1] = other
    end
  end
  chunks_leave_open(id, open)
end

local function end_lease()
  if redis.call('ZREM', key_appending(id), holder) == 1 then
    appending_list(batch)
    batch_check_end(batch)
  end
  commit()
end

if not digest then
  local is_open = chunk and parts_written() > 0
  if chunk and not is_open then
    leave()
  end
  end_lease()
  return { is_open and 'open' or 'gone' }
end
if not chunk then
  return redis.error_reply('ERR_INVALID chunk')
end
local known_digest, known_answer = chunk_read(id, chunk)
if known_digest and known_digest ~= digest then
  return redis.error_reply('ERR_EXISTS chunk ' .. chunk .. ' with other contents')
end
if known_digest then
  end_lease()
  return { 'done', known_answer }
end
if batch.state ~= 'draft' and not takes_more(batch) then
  return redis.error_reply('ERR_STATE ' .. batch.state)
end
if parts_written() > parts then
  return redis.error_reply('ERR_EXISTS chunk ' .. chunk .. ' with more contents')
end
if parts_written() < parts then
  return redis.error_reply('ERR_NOT_FOUND parts')
end
redis.call('HSET', key, chunk, digest .. ' ' .. answer)
load.keep(batch, #digest + #answer + CHUNK_BYTES)
leave()
end_lease()
return { 'done', answer }
