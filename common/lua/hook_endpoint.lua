#!lua
-- A tenant's webhook endpoints: one for each origin of its URLs, with the secret that signs what is sent there. The
-- secrets come sealed for the endpoint's id; nothing here can read them.
--
-- "create" makes the endpoints that do not exist yet, all or none; a secret offered for one that exists is not used.
-- "rotate" makes a new secret sign from now on; the one before signs beside it for a grace period. "list" tells what a
-- tenant has, without the secrets, by origin; "show" one of them. "change" disables one, or enables it again as one that
-- nothing is known against, and chooses its headers.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  "create", "rotate", "list", "show" or "change"
-- ARGV[2]  tenant
-- ARGV[3+] create: endpoints a tenant may have, then per endpoint three: origin, endpoint id, sealed secret
--          rotate: endpoint id, sealed secret, grace ms (0 ends the old ones at once), secrets that may sign at once
--          show: endpoint id
--          change: endpoint id, the tenant's event shard, "active", "disabled" or "" (as it is), "seed" (the header
--          x-dialgen-signature too), "standard" or ""
-- Returns  create: per endpoint 1 made or 0 existed
--          rotate: the number of secrets that sign now
--          list: { { endpoint id, { field, value, ... } }, ... }: the fields of the hash, and health ("active",
--          "degraded", "paused", "disabled"), pending (deliveries that wait), oldest_ms (when the oldest of the 64 due
--          first was made), now_ms
--          show, change: one such pair
-- Errors   ERR_TOO_LARGE: more endpoints than a tenant may have. ERR_NOT_FOUND: the tenant has no such endpoint.
--          ERR_INVALID: tenant or verb
-- Again    create: 0 for each. rotate with the same sealed text: nothing changes. change: the same
-- Bound    O(endpoints given), for list O(endpoints of the tenant), each up to 64 deliveries
-- @include lib/hook.lua

local verb, tenant = ARGV[1], ARGV[2]
local key_origins = P .. 'hooks:endpoints:t/' .. (tenant or '')
local now = NOW_US / 1000

local function create(limit)
  local missing = {}
  for i = 4, #ARGV, 3 do
    if redis.call('HEXISTS', key_origins, ARGV[i]) == 0 then
      missing[ARGV[i]] = true
    end
  end
  local wanted = redis.call('HLEN', key_origins)
  for _ in pairs(missing) do
    wanted = wanted + 1
  end
  if next(missing) and wanted > limit then
    return redis.error_reply('ERR_TOO_LARGE endpoints of a tenant')
  end
  local reply = {}
  for i = 4, #ARGV, 3 do
    local origin, endpoint, secret = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local is_new = redis.call('HSETNX', key_origins, origin, endpoint)
    if is_new == 1 then
      redis.call('HSET', hook.key_endpoint(endpoint), 'tenant', tenant, 'origin', origin, 'secret', secret,
        'created_ms', hook.whole_ms(now), 'status', 'active')
    end
    reply[#reply + 1] = is_new
  end
  return reply
end

-- The earlier secrets that still sign, newest first: "until_ms:sealed until_ms:sealed".
local function earlier(current, previous, grace_ms, keep)
  local list = {}
  if grace_ms > 0 and keep > 0 then
    list[1] = hook.whole_ms(now + grace_ms) .. ':' .. current
    for until_ms, sealed in string.gmatch(previous or '', '(%d+):(%S+)') do
      if #list < keep and tonumber(until_ms) > now then
        list[#list + 1] = until_ms .. ':' .. sealed
      end
    end
  end
  return list
end

local function rotate(endpoint, secret, grace_ms, active_max)
  local key = hook.key_endpoint(endpoint)
  local known = redis.call('HMGET', key, 'tenant', 'secret', 'previous')
  if known[1] ~= tenant then
    return redis.error_reply('ERR_NOT_FOUND endpoint')
  end
  if known[2] == secret then
    local _, signing = string.gsub(known[3] or '', ':', ':')
    return 1 + signing
  end
  local list = earlier(known[2], known[3], grace_ms, active_max - 1)
  if #list > 0 then
    redis.call('HSET', key, 'previous', table.concat(list, ' '))
  else
    redis.call('HDEL', key, 'previous')
  end
  redis.call('HSET', key, 'secret', secret, 'rotated_ms', hook.whole_ms(now))
  return 1 + #list
end

local OLDEST_OF = 64

local function health_of(known)
  if known.status == 'disabled' then
    return 'disabled'
  elseif math.max(tonumber(known.paused_until_ms or 0), tonumber(known.open_until_ms or 0)) > now then
    return 'paused'
  end
  return hook.is_slow(known.failures, known.latency_ms) and 'degraded' or 'active'
end

local function oldest_ms(endpoint)
  local oldest
  for _, event in ipairs(redis.call('ZRANGE', hook.key_queue(endpoint), 0, OLDEST_OF - 1)) do
    local created_ms = tonumber(redis.call('HGET', hook.key_delivery(event), 'created_ms') or nil)
    oldest = created_ms and math.min(created_ms, oldest or created_ms) or oldest
  end
  return oldest
end

local function shown(endpoint)
  local flat, known, fields = redis.call('HGETALL', hook.key_endpoint(endpoint)), {}, {}
  local function add(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  for i = 1, #flat, 2 do
    known[flat[i]] = flat[i + 1]
    if flat[i] ~= 'secret' and flat[i] ~= 'previous' then
      add(flat[i], flat[i + 1])
    end
  end
  add('health', health_of(known))
  add('pending', redis.call('ZCARD', hook.key_queue(endpoint)))
  local oldest = oldest_ms(endpoint)
  if oldest then
    add('oldest_ms', fmt(oldest))
  end
  add('now_ms', NOW_MS)
  return { endpoint, fields }
end

local function enable(endpoint, shard)
  local key = hook.key_endpoint(endpoint)
  redis.call('HSET', key, 'status', 'active')
  redis.call('HDEL', key, 'reason', 'disabled_ms', 'failures', 'failing_since_ms', 'opened', 'open_until_ms', 'notice',
    'paused_until_ms', 'held_until_ms')
  hook.ring_touch(shard, endpoint, now)
end

local function change(endpoint, shard, status, signature)
  local key = hook.key_endpoint(endpoint)
  if status == 'active' then
    enable(endpoint, shard)
  elseif status == 'disabled' and redis.call('HGET', key, 'status') ~= 'disabled' then
    redis.call('HSET', key, 'status', 'disabled', 'reason', 'tenant', 'disabled_ms', hook.whole_ms(now))
    hook.ring_touch(shard, endpoint, now)
  end
  if signature == 'seed' then
    redis.call('HSET', key, 'signature', 'seed')
  elseif signature == 'standard' then
    redis.call('HDEL', key, 'signature')
  end
  return shown(endpoint)
end

local function is_owned(endpoint)
  return hook.is_id(endpoint) and redis.call('HGET', hook.key_endpoint(endpoint), 'tenant') == tenant
end

local function list()
  local flat = redis.call('HGETALL', key_origins)
  local origins, ids = {}, {}
  for i = 1, #flat, 2 do
    origins[#origins + 1] = flat[i]
    ids[flat[i]] = flat[i + 1]
  end
  table.sort(origins)
  local reply = {}
  for _, origin in ipairs(origins) do
    reply[#reply + 1] = shown(ids[origin])
  end
  return reply
end

if not hook.is_id(tenant) then
  return redis.error_reply('ERR_INVALID tenant')
elseif verb == 'create' then
  return create(tonumber(ARGV[3]))
elseif verb == 'rotate' then
  return rotate(ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]))
elseif verb == 'list' then
  return list()
elseif (verb == 'show' or verb == 'change') and not is_owned(ARGV[3]) then
  return redis.error_reply('ERR_NOT_FOUND endpoint')
elseif verb == 'show' then
  return shown(ARGV[3])
elseif verb == 'change' then
  return change(ARGV[3], ARGV[4], ARGV[5], ARGV[6])
end
return redis.error_reply('ERR_INVALID verb')
