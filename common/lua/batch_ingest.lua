#!lua
-- Writes one chunk of contacts into a batch that is not sealed, or is appended to (batch_append.lua). A number or contact
-- id that the batch has already is left out and reported; the others get the next ordinals.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  chunk number, from 1
-- ARGV[3]  digest of the chunk
-- ARGV[4..] 4 for each contact, at most 500: phone digits, 62-bit hash of the contact id (decimal) or "", record, extra
--          metadata or ""
-- Returns  {total after it, 0|1 (1: this chunk was there already), index of a left-out contact, "phone"|"id", ...}
-- Errors   ERR_INVALID, ERR_NOT_FOUND, ERR_STATE (sealed, and nobody holds the lease to append), ERR_EXISTS (the chunk
--          number was used with another digest)
-- Bound    O(contacts)
-- Again    the same number and digest answers the first answer
-- @include lib/scheduler.lua
-- @include lib/contact.lua
local id = check_id(ARGV[1], 48, 'batch')
local chunk = check_number(ARGV[2], 'chunk')
local digest = check_id(ARGV[3], 64, 'digest')
local FIELDS, MOST = 4, 500
local PROBES = 16
if (#ARGV - 3) % FIELDS ~= 0 or #ARGV > 3 + FIELDS * MOST then
  return redis.error_reply('ERR_INVALID contacts')
end
local batch = batch_load(id)
if not batch then
  return redis.error_reply('ERR_NOT_FOUND batch')
end

local chunks_key = key_batch(id) .. ':chunks'
local stored = redis.call('HGET', chunks_key, fmt(chunk))
if stored then
  local known_digest, total, rest = stored:match('^(%S+) (%d+)(.*)$')
  if known_digest ~= digest then
    return redis.error_reply('ERR_EXISTS chunk ' .. fmt(chunk) .. ' with other contents')
  end
  local reply = { total, 1 }
  for word in rest:gmatch('%S+') do
    reply[#reply + 1] = word
  end
  return reply
end
local is_running = batch.sealed == '1'
if is_running and not is_appended_to(batch) then
  return redis.error_reply('ERR_STATE batch is sealed, and ' .. batch.state)
elseif not is_running and not FILLABLE[batch.state] then
  return redis.error_reply('ERR_STATE batch is ' .. batch.state)
end
local shards = tonumber(redis.call('HGET', key_batch(id), 'seen_shards') or 1)

for at = 4, #ARGV, FIELDS do
  if not ARGV[at]:match('^[1-9]%d+$') or #ARGV[at] > 15 or contact_phone(ARGV[at + 2]) ~= ARGV[at]
    or not ARGV[at + 1]:match('^%d*$') then
    return redis.error_reply('ERR_INVALID contact')
  end
end

-- The place of a contact id among those seen: its ordinal where it is there, else the free field to use. Different ids
-- with one hash sit in the fields behind it, told apart by the stored contacts.
local function find_id(hash, contact)
  local wanted = contact_id(contact)
  for probe = 0, PROBES - 1 do
    local field = fmt(tonumber(hash) + probe)
    local key = key_batch(id) .. ':seen:i:' .. fmt(tonumber(hash) % shards)
    local ordinal = redis.call('HGET', key, field)
    if not ordinal then
      return nil, key, field
    end
    local record = redis.call('HGET', key_bucket(id, 'contacts', tonumber(ordinal)), ordinal)
    if contact_id(record) == wanted then
      return ordinal, key, field
    end
  end
  fail('ERR_STATE contact id hashes collide')
end

local reply = { '', 0 }
local left_out = {}
local function leave_out(index, why)
  left_out[#left_out + 1] = fmt(index)
  left_out[#left_out + 1] = why
end

for at = 4, #ARGV, FIELDS do
  local phone, hash, record, extra = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local index = (at - 4) / FIELDS
  local seen_ordinal, id_key, id_field
  if hash ~= '' then
    seen_ordinal, id_key, id_field = find_id(hash, record)
  end
  if seen_ordinal then
    leave_out(index, 'id')
  elseif redis.call('SADD', key_batch(id) .. ':seen:n:' .. fmt(tonumber(phone) % shards), phone) == 0 then
    leave_out(index, 'phone')
  else
    local ordinal = fmt(batch.total)
    redis.call('HSET', key_bucket(id, 'contacts', batch.total), ordinal, record)
    if extra ~= '' then
      redis.call('HSET', key_bucket(id, 'extra', batch.total), ordinal, extra)
    end
    if id_key then
      redis.call('HSET', id_key, id_field, ordinal)
    end
    batch.total = batch.total + 1
  end
end
reply[1] = fmt(batch.total)
for _, word in ipairs(left_out) do
  reply[#reply + 1] = word
end
if is_running then
  batch.due = batch.due + batch.total - batch.was.total
  touch_lane(batch)
  wake_workers()
end
redis.call('HSET', chunks_key, fmt(chunk), digest .. ' ' .. fmt(batch.total) .. ' ' .. table.concat(left_out, ' '))
batches_flush()
return reply
