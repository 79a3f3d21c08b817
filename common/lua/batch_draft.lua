#!lua
-- Makes a draft of a batch that is being ingested: from here its tenant sees it and fills it in chunks (chunk_open.lua),
-- and batch_seal starts it. It dials nothing before. Where nothing comes for its life, it is removed.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  contacts it must hold so far
-- ARGV[3]  life from now, ms: each chunk renews it
-- ARGV[4..] tags in hexadecimal, at most 32
-- Returns  {state, total}
-- Errors   ERR_INVALID, ERR_NOT_FOUND, ERR_STATE (its total is another, or it is no longer being ingested)
-- Bound    O(tags * log n)
-- Again    answers the same
-- @include lib/batch.lua
-- @include lib/index.lua
local id = check_id(ARGV[1], 48, 'batch')
local expected = check_number(ARGV[2], 'total')
local life_ms = check_number(ARGV[3], 'life')
local tags = index_tags(4)
local batch = batch_load(id)
if not batch then
  return redis.error_reply('ERR_NOT_FOUND batch')
end
if batch.state == 'draft' then
  return { batch.state, fmt(batch.total) }
end
if batch.total ~= expected then
  return redis.error_reply('ERR_STATE batch holds ' .. fmt(batch.total) .. ' contacts')
end
if not batch_move(batch, 'draft') then
  return redis.error_reply('ERR_STATE batch is ' .. batch.state)
end
index_add(batch, tags)
redis.call('ZADD', KEY_PURGE, fmt(NOW_MS + life_ms), 'draft/' .. id)
commit()
return { batch.state, fmt(batch.total) }
