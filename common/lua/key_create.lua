#!lua
-- Makes an API key. The owner's keys that are over are removed.
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  SHA-256 of the key, in hexadecimal
-- ARGV[2]  role: "tenant" | "viewer" | "operator"
-- ARGV[3]  tenant; "" for an operator's
-- ARGV[4]  label, or ""
-- ARGV[5]  how long it holds, ms; 0: until it is revoked
-- ARGV[6]  keys that one owner may have
-- Returns  {id, role, tenant, label, created ms, last used ms, expires ms, id of the one after it}, "" for what is not there
-- Errors   ERR_INVALID, ERR_NOT_FOUND (the tenant), ERR_EXISTS, ERR_STATE (too many keys)
-- Bound    O(the owner's keys)
-- @include lib/directory.lua
local sha, role, tenant, label = check_sha(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local life_ms, most = check_number(ARGV[5], 'life'), check_number(ARGV[6], 'most')
local is_operator = role == 'operator'
local is_role = is_operator or role == 'tenant' or role == 'viewer'
if not is_role or is_operator ~= (tenant == '') or life_ms < 0 or #label > 256 then
  return redis.error_reply('ERR_INVALID key')
end
if not is_operator and redis.call('HEXISTS', key_tenant(check_id(tenant, 64, 'tenant')), 'cell') == 0 then
  return redis.error_reply('ERR_NOT_FOUND tenant')
end
return api_key_reply(api_key_make(sha, tenant, role, label, life_ms, most))
