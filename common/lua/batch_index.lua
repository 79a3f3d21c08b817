#!lua
-- Brings the index of a batch's numbers up to the contacts that it has (batch_take left it behind), some at a time. From its
-- first time on batch_take takes nothing more; batch_ingest does when all is there.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- Returns  {contacts that the index has, contacts}
-- Errors   ERR_INVALID, ERR_NOT_FOUND
-- Bound    256 contacts; 270 commands
-- Again    the next contacts; nothing where all are there
-- @include lib/batch.lua
-- @include lib/seen.lua
local id = check_id(ARGV[1], 48, 'batch')
local BUCKETS = 4
local batch = batch_load(id)
if not batch then
  return redis.error_reply('ERR_NOT_FOUND batch')
end
local seen = seen_load(id)
if not seen.is_behind then
  return { fmt(batch.total), fmt(batch.total) }
end
redis.call('HDEL', key_batch(id), 'seen_by')
if seen.upto == 0 then
  seen_expect(seen, batch.total)
end
for _ = 1, BUCKETS do
  if seen.upto >= batch.total then
    break
  end
  local contacts = redis.call('HGETALL', key_bucket(id, 'contacts', seen.upto))
  for i = 2, #contacts, 2 do
    local number = contact_number(contacts[i])
    if number then
      seen_add_number(seen, number)
    end
  end
  seen.upto = seen.upto - seen.upto % BUCKET + BUCKET
end
if seen.upto < batch.total then
  redis.call('HSET', key_batch(id), 'seen_upto', fmt(seen.upto))
else
  redis.call('HDEL', key_batch(id), 'seen_upto')
end
return { fmt(math.min(seen.upto, batch.total)), fmt(batch.total) }
