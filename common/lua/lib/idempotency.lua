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
