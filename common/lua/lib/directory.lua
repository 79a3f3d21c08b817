-- @include cell.lua
-- API keys, in the directory: KEYS[1] is "carillon:{dir}:". A key is known by its SHA-256 alone; its id is the beginning of
-- that. An owner is a tenant, or "" for the operators.
local KEY_IDS = P .. 'ids'
local KEY_USED = P .. 'used'
local function key_api(sha) return P .. 'key:' .. sha end
local function key_owned(owner) return owner == '' and P .. 'operators' or key_tenant(owner) .. ':keys' end

local API_KEY_FIELDS = { 'id', 'role', 'tenant', 'label', 'created_ms', 'expires_ms', 'replaced_by' }

local function check_sha(text)
  if not text or #text ~= 64 or not text:match('^[0-9a-f]+$') then
    fail('ERR_INVALID hash')
  end
  return text
end

-- nil where there is none. What Redis does not hold is "".
local function api_key_load(sha)
  local values = redis.call('HMGET', key_api(sha), unpack(API_KEY_FIELDS))
  if not values[1] then
    return nil
  end
  local key = { sha = sha }
  for i, field in ipairs(API_KEY_FIELDS) do
    key[field] = values[i] or ''
  end
  return key
end

local function api_key_by_id(id)
  local sha = redis.call('HGET', KEY_IDS, check_id(id, 64, 'id'))
  return sha and api_key_load(sha)
end

local function api_key_is_over(key)
  return key.expires_ms ~= '' and tonumber(key.expires_ms) <= NOW_MS
end

-- The key itself goes first: from then on it opens nothing.
local function api_key_drop(key)
  redis.call('DEL', key_api(key.sha))
  redis.call('HDEL', KEY_USED, key.sha)
  redis.call('SREM', key_owned(key.tenant), key.sha)
  redis.call('HDEL', KEY_IDS, key.id)
end

-- Listed first: what is not listed could never be revoked. `life_ms` 0: for ever. The owner's keys that are over go; where
-- `most` others are left, the new one is refused.
local function api_key_make(sha, owner, role, label, life_ms, most)
  local key = { sha = sha, id = 'key_' .. sha:sub(1, 16), role = role, tenant = owner, label = label, created_ms = fmt(NOW_MS),
    expires_ms = life_ms > 0 and fmt(NOW_MS + life_ms) or '', replaced_by = '' }
  if redis.call('HEXISTS', KEY_IDS, key.id) == 1 then
    fail('ERR_EXISTS ' .. key.id)
  end
  for _, other in ipairs(redis.call('SMEMBERS', key_owned(owner))) do
    local old = api_key_load(other)
    if old and api_key_is_over(old) then
      api_key_drop(old)
    end
  end
  if redis.call('SCARD', key_owned(owner)) >= most then
    fail('ERR_STATE the owner has ' .. fmt(most) .. ' keys')
  end
  redis.call('HSET', KEY_IDS, key.id, sha)
  redis.call('SADD', key_owned(owner), sha)
  for _, field in ipairs(API_KEY_FIELDS) do
    if key[field] ~= '' then
      redis.call('HSET', key_api(sha), field, key[field])
    end
  end
  return key
end

-- As every script answers it: what is not there is "".
local function api_key_reply(key)
  return { key.id, key.role, key.tenant, key.label, key.created_ms, redis.call('HGET', KEY_USED, key.sha) or '', key.expires_ms,
    key.replaced_by }
end
