-- @include contact.lua
-- The numbers and contact ids that a batch has already: sets of numbers, and hashes from the hash of an id to the ordinals
-- of the contacts whose ids have it. They lie in as many shards as keep each within Redis's compact encodings, and there is
-- one more whenever the batch outgrows those it has: it takes its share of one other, so that the work of growing is
-- bounded and a small batch has few keys (linear hashing: Litwin, VLDB 1980).
--
-- With S shards and L the largest power of two up to S, what hashes to h lies in shard h mod 2L where there is one, and in
-- shard h mod L otherwise.
local SEEN_PER_SHARD = 192 -- on average; those not yet split have at most about twice as many
local SEEN_SHARDS_MOST = 65536
local SEEN_SPLITS_MOST = 4 -- of one script
local SEEN_SPLIT_MOST = 4000 -- a shard with more (numbers chosen to fall together) stays as it is, and nothing grows more
local SEEN_SLICE = 500
local SEEN_PRIME = 1048573 -- below 2^20
local SEEN_FACTOR = 648055 -- the prime, by the golden ratio (Knuth, TAOCP 6.4): numbers in any step spread evenly

-- The number as a number, and the first byte behind it; nil where the record does not begin with one of 7 to 15 digits. Of
-- every contact that is written: spelled out, since one call of byte() costs a third of five.
local function contact_number(record)
  local tag, a, b, c, d, e, f, g, h, i = string.byte(record, 1, 10)
  if tag ~= 0x08 or not c or a < 128 or b < 128 then
    return nil
  end
  local value, after = a - 128 + (b - 128) * 128, d
  if c < 128 then
    value = value + c * 16384
  elseif not d then
    return nil
  elseif d < 128 then
    value, after = value + (c - 128) * 16384 + d * 2097152, e
  elseif not e then
    return nil
  elseif e < 128 then
    value, after = value + (c - 128) * 16384 + (d - 128) * 2097152 + e * 268435456, f
  else
    value = value + (c - 128) * 16384 + (d - 128) * 2097152 + (e - 128) * 268435456
    if not f then
      return nil
    elseif f < 128 then
      value, after = value + f * 34359738368, g
    elseif not g then
      return nil
    elseif g < 128 then
      value, after = value + (f - 128) * 34359738368 + g * 4398046511104, h
    elseif not h or h > 127 then
      return nil
    else
      value, after = value + (f - 128) * 34359738368 + (g - 128) * 4398046511104 + h * 562949953421312, i
    end
  end
  if value < 1000000 or value > 999999999999999 then
    return nil
  end
  return value, after
end

local function seen_level(seen)
  seen.low = 1
  while seen.low * 2 <= seen.shards do
    seen.low = seen.low * 2
  end
end

local function seen_load(batch_id)
  local fields = redis.call('HMGET', key_batch(batch_id), 'seen_shards', 'seen_upto')
  local seen = { batch = batch_id, key = key_batch(batch_id), numbers = key_batch(batch_id) .. ':seen:n:',
    shards = tonumber(fields[1] or 1), is_behind = fields[2] ~= false, upto = tonumber(fields[2] or nil) }
  seen_level(seen)
  return seen
end

local function seen_shard(seen, hash)
  local shard = hash % (2 * seen.low)
  return shard < seen.shards and shard or hash % seen.low
end

-- An index that holds nobody yet may begin with the shards that it will need: growing costs more than having.
local function seen_expect(seen, contacts)
  local shards = math.min(math.ceil(contacts / SEEN_PER_SHARD), SEEN_SHARDS_MOST)
  if shards > seen.shards then
    redis.call('HSET', seen.key, 'seen_shards', fmt(shards))
    seen.shards = shards
    seen_level(seen)
  end
end

-- Takes the number; false where it is there already. ('%d' spells an integer in half the time that fmt() takes.)
local format, call = string.format, redis.call
local function seen_add_number(seen, number)
  local hash = number % SEEN_PRIME * SEEN_FACTOR % SEEN_PRIME
  local shard = hash % (2 * seen.low)
  if shard >= seen.shards then
    shard = hash % seen.low
  end
  return call('SADD', seen.numbers .. format('%d', shard), format('%d', number)) == 1
end

-- Whether the id of this contact, which hashes to `hash`, is there. What has the same hash is told apart by the stored
-- contacts; `fresh` holds those that are not stored yet.
local function seen_has_id(seen, hash, contact, fresh)
  local ordinals = redis.call('HGET', seen.key .. ':seen:i:' .. seen_shard(seen, tonumber(hash)), hash)
  if not ordinals then
    return false
  end
  local wanted = contact_id(contact)
  for ordinal in ordinals:gmatch('%d+') do
    local record = fresh[tonumber(ordinal)]
      or redis.call('HGET', key_bucket(seen.batch, 'contacts', tonumber(ordinal)), ordinal)
    if contact_id(record) == wanted then
      return true
    end
  end
  return false
end

local function seen_add_id(seen, hash, ordinal)
  local key = seen.key .. ':seen:i:' .. seen_shard(seen, tonumber(hash))
  local others = redis.call('HGET', key, hash)
  redis.call('HSET', key, hash, others and others .. ' ' .. fmt(ordinal) or fmt(ordinal))
end

local function in_slices(command, key, words)
  for from = 1, #words, SEEN_SLICE do
    redis.call(command, key, unpack(words, from, math.min(from + SEEN_SLICE - 1, #words)))
  end
end

-- The new shard `to` takes its share of shard `from`: added there before it is removed here.
local function seen_move(seen, from, to)
  local span, numbers, fields, ids = 2 * seen.low, {}, {}, {}
  local all = redis.call('SMEMBERS', seen.key .. ':seen:n:' .. from)
  for i = 1, #all do -- hashed as seen_add_number() does
    if all[i] % SEEN_PRIME * SEEN_FACTOR % SEEN_PRIME % span == to then
      numbers[#numbers + 1] = all[i]
    end
  end
  local flat = redis.call('HGETALL', seen.key .. ':seen:i:' .. from)
  for i = 1, #flat, 2 do
    if flat[i] % span == to then
      ids[#ids + 1] = flat[i]
      fields[#fields + 1] = flat[i]
      fields[#fields + 1] = flat[i + 1]
    end
  end
  in_slices('SADD', seen.key .. ':seen:n:' .. to, numbers)
  in_slices('HSET', seen.key .. ':seen:i:' .. to, fields)
  in_slices('SREM', seen.key .. ':seen:n:' .. from, numbers)
  in_slices('HDEL', seen.key .. ':seen:i:' .. from, ids)
end

-- Lets the shards grow with what the batch holds.
local function seen_grow(seen, contacts)
  local before = seen.shards
  for _ = 1, SEEN_SPLITS_MOST do
    local from = seen.shards - seen.low
    if seen.shards * SEEN_PER_SHARD >= contacts or seen.shards >= SEEN_SHARDS_MOST
      or redis.call('SCARD', seen.key .. ':seen:n:' .. from) > SEEN_SPLIT_MOST
      or redis.call('HLEN', seen.key .. ':seen:i:' .. from) > SEEN_SPLIT_MOST then
      break
    end
    seen_move(seen, from, seen.shards)
    seen.shards = seen.shards + 1
    seen_level(seen)
  end
  if seen.shards > before then
    redis.call('HSET', key_batch(seen.batch), 'seen_shards', fmt(seen.shards))
  end
end
