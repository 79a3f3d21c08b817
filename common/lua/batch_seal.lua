#!lua
-- Closes ingestion: from here the batch is listed, counted and, at its start, dialed. A draft is started by it.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  contacts it must hold; "" for a draft: what it holds
-- ARGV[3..] tags in hexadecimal, at most 32; a draft is found by its own already
-- Returns  {state, total}
-- Errors   ERR_INVALID, ERR_NOT_FOUND, ERR_STATE <state> (it is no longer filled), ERR_STATE <state>, holding <n> (its total
--          is another, or none), ERR_STATE <state>, unfinished <chunk> ... (a draft's chunks, begun and not whole),
--          ERR_EXISTS <call> (a single call's number or contact is on that one: what was written is removed)
-- Bound    O(tags * log n); 60 commands, and 2 for each tag
-- Again    answers the same
-- @include lib/scheduler.lua
-- @include lib/index.lua
-- @include lib/chunk.lua
local id = check_id(ARGV[1], 48, 'batch')
local expected = ARGV[2] ~= '' and check_number(ARGV[2], 'total') or nil
local tags = index_tags(3)
local batch = batch_load(id)
if not batch then
  return redis.error_reply('ERR_NOT_FOUND batch')
end
if batch.sealed == '1' then
  return { batch.state, fmt(batch.total) }
end
-- What is refused counts no longer among what its tenant has, from this step on; the same again is refused again.
local rival = batch.dial and single.rival(batch)
if rival then
  batch_give_up(batch)
  return redis.error_reply('ERR_EXISTS ' .. rival)
end
if not FILLABLE[batch.state] or (not expected and batch.state ~= 'draft') then
  return redis.error_reply('ERR_STATE ' .. batch.state)
end
local unfinished = chunks_unfinished(id)
if #unfinished > 0 then
  return redis.error_reply('ERR_STATE ' .. batch.state .. ', unfinished ' .. table.concat(unfinished, ' '))
end
if batch.total == 0 or (expected and batch.total ~= expected) then
  return redis.error_reply('ERR_STATE ' .. batch.state .. ', holding ' .. fmt(batch.total))
end
batch.start_ms = batch.start_ms or NOW_MS
if not batch_move(batch, batch.start_ms > NOW_MS and 'seal_future' or 'seal') then
  return redis.error_reply('ERR_STATE ' .. batch.state)
end
batch.sealed, batch.due = '1', batch.total
local life_ms = tonumber(redis.call('HGET', key_batch(id), 'life_ms') or nil)
batch.expires_ms = batch.expires_ms or (life_ms and batch.start_ms + life_ms)
index_add(batch, tags)
if batch.dial then
  single.hold(batch)
end
touch_lane(batch)
batch_list_times(batch)
redis.call('ZREM', KEY_PURGE, 'draft/' .. id)
commit()
wake_workers()
return { batch.state, fmt(batch.total) }
