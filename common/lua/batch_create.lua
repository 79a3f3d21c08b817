#!lua
-- Makes a batch that is being ingested: it dials nothing, is listed nowhere and expires by itself until it is sealed.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- ARGV[3]  trunk
-- ARGV[4]  life until sealed, ms
-- ARGV[5..] field, value, ...: the batch's settings (docs/redis-keys.md), at most 100, none of them a field that is written
--          here
-- Returns  "created" | "exists" (made already, by this same request sent again: where it is not sealed, it lives as long
--          from now)
-- Errors   ERR_INVALID, ERR_NOT_FOUND trunk|tenant, ERR_EXISTS (another tenant's), ERR_QUOTA <quota> <limit>
-- Bound    O(fields); 20 commands
-- @include lib/quota.lua
local id = check_id(ARGV[1], 48, 'batch')
local tenant = check_id(ARGV[2], 64, 'tenant')
local trunk = check_id(ARGV[3], 64, 'trunk')
local life_ms = check_number(ARGV[4], 'life')
if (#ARGV - 4) % 2 ~= 0 or #ARGV > 4 + 200 then
  return redis.error_reply('ERR_INVALID fields')
end
if redis.call('EXISTS', key_trunk(trunk)) == 0 then
  return redis.error_reply('ERR_NOT_FOUND trunk')
end
if redis.call('EXISTS', key_tenant(tenant)) == 0 then
  return redis.error_reply('ERR_NOT_FOUND tenant')
end
local known = redis.call('HMGET', key_batch(id), 'tenant', 'state')
if known[1] and known[1] ~= tenant then
  return redis.error_reply('ERR_EXISTS batch')
elseif known[1] then
  if known[2] == 'ingesting' then
    redis.call('ZADD', KEY_PURGE, 'XX', fmt(NOW_MS + life_ms), 'draft/' .. id)
  end
  return 'exists'
end
-- What the scripts of every call read and write comes first: Redis looks through a compact hash from its beginning.
local fields = { 'state', 'ingesting', 'tenant', tenant, 'trunk', trunk, 'sealed', '0', 'total', 0, 'cursor', 0, 'due', 0,
  'claimed', 0, 'live', 0, 'ended', 0, 'succeeded', 0, 'failed', 0, 'attempts', 0, 'dials', 0, 'seq', 0 }
local is_own, quotas = { created_ms = true, kept = true }, nil
local bytes = 1024 -- what Redis holds of a batch beside its settings: counters, and its places in indexes
for i = 1, #fields, 2 do
  is_own[fields[i]] = true
end
for i = 5, #ARGV, 2 do
  local name, value = ARGV[i], ARGV[i + 1]
  if is_own[name] then
    return redis.error_reply('ERR_INVALID field ' .. name)
  end
  quotas = name == 'quotas' and value or quotas
  fields[#fields + 1] = name
  fields[#fields + 1] = value
  bytes = bytes + #name + #value
end
fields[#fields + 1] = 'created_ms'
fields[#fields + 1] = fmt(NOW_MS)
fields[#fields + 1] = 'kept'
fields[#fields + 1] = fmt(bytes)
local refusal = quota_refusal(tenant, quotas, 1, 0, 0)
if refusal then
  return refusal
end
redis.call('ZADD', KEY_PURGE, fmt(NOW_MS + life_ms), 'draft/' .. id)
redis.call('HSET', key_batch(id), unpack(fields))
redis.call('HINCRBY', key_load(tenant), 'batches', 1)
redis.call('HINCRBY', key_load(tenant), 'kept', fmt(bytes))
return 'created'
