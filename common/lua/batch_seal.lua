#!lua
-- Closes ingestion: from here the batch is listed, counted and, at its start, dialed.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  contacts it must hold
-- ARGV[3..] tags in hexadecimal, at most 32
-- Returns  {state, total}
-- Errors   ERR_INVALID, ERR_NOT_FOUND, ERR_STATE (its total is another, none, or it is no longer being ingested)
-- Bound    O(tags * log n)
-- Again    answers the same
-- @include lib/scheduler.lua
local id = check_id(ARGV[1], 48, 'batch')
local expected = check_number(ARGV[2], 'total')
if #ARGV > 2 + 32 then
  return redis.error_reply('ERR_INVALID tags')
end
for i = 3, #ARGV do
  if not ARGV[i]:match('^[0-9a-f]+$') or #ARGV[i] > 512 then
    return redis.error_reply('ERR_INVALID tag')
  end
end
local batch = batch_load(id)
if not batch then
  return redis.error_reply('ERR_NOT_FOUND batch')
end
if batch.sealed == '1' then
  return { batch.state, fmt(batch.total) }
end
if batch.total ~= expected or batch.total == 0 then
  return redis.error_reply('ERR_STATE batch holds ' .. fmt(batch.total) .. ' contacts')
end
batch.start_ms = batch.start_ms or NOW_MS
if not batch_move(batch, batch.start_ms > NOW_MS and 'seal_future' or 'seal') then
  return redis.error_reply('ERR_STATE batch is ' .. batch.state)
end
batch.sealed, batch.due = '1', batch.total
local life_ms = tonumber(redis.call('HGET', key_batch(id), 'life_ms') or nil)
batch.expires_ms = batch.expires_ms or (life_ms and batch.start_ms + life_ms)
local created = tonumber(redis.call('HGET', key_batch(id), 'created_ms') or NOW_MS)
redis.call('ZADD', key_tenant(batch.tenant) .. ':batches', fmt(created), id)
for i = 3, #ARGV do
  redis.call('ZADD', key_tenant(batch.tenant) .. ':tags:' .. ARGV[i], fmt(created), id)
end
touch_lane(batch)
batch_list_times(batch)
redis.call('ZREM', KEY_PURGE, 'draft/' .. id)
batches_flush()
wake_workers()
return { batch.state, fmt(batch.total) }
