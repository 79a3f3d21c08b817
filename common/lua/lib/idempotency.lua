-- Requests that create something and carry an Idempotency-Key, in the directory. The key itself may hold any bytes: it is
-- here as its SHA-256.
-- @include cell.lua
local function key_request(tenant, sha256)
  if not sha256 or not sha256:match('^[0-9a-f]+$') or #sha256 ~= 64 then
    fail('ERR_INVALID key')
  end
  if tenant == '' then
    return P .. 'idempotency:operators:' .. sha256
  end
  return P .. 'idempotency:t/' .. check_id(tenant, 64, 'tenant') .. ':' .. sha256
end

-- How many are remembered, by the hour of their first try: they go by themselves, and are not counted one by one.
local HOUR_MS = 3600000
local function key_request_counts(tenant)
  if tenant == '' then
    return P .. 'idempotency:counts:operators'
  end
  return P .. 'idempotency:counts:t/' .. check_id(tenant, 64, 'tenant')
end
