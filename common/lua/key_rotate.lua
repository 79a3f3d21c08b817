#!lua
-- Makes an API key of the same owner and role as another, which ends after an overlap, or earlier where it would anyway. A
-- key is replaced once.
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  SHA-256 of the new key, in hexadecimal
-- ARGV[2]  id of the old one
-- ARGV[3]  overlap, ms; 0: the old one ends now
-- ARGV[4]  label of the new one; "": the old one's
-- ARGV[5]  how long the new one holds, ms; 0: until it is revoked
-- ARGV[6]  keys that one owner may have
-- Returns  the new key, as key_create
-- Errors   ERR_INVALID, ERR_NOT_FOUND, ERR_EXISTS, ERR_STATE (the old one is over or replaced already; too many keys)
-- Bound    O(the owner's keys)
-- @include lib/directory.lua
local sha, overlap_ms, label = check_sha(ARGV[1]), check_number(ARGV[3], 'overlap'), ARGV[4]
local life_ms, most = check_number(ARGV[5], 'life'), check_number(ARGV[6], 'most')
if overlap_ms < 0 or life_ms < 0 or #label > 256 then
  return redis.error_reply('ERR_INVALID key')
end
local old = api_key_by_id(ARGV[2])
if not old then
  return redis.error_reply('ERR_NOT_FOUND key')
elseif api_key_is_over(old) then
  return redis.error_reply('ERR_STATE it is over')
elseif old.replaced_by ~= '' then
  return redis.error_reply('ERR_STATE it was replaced by ' .. old.replaced_by)
end
local key = api_key_make(sha, old.tenant, old.role, label ~= '' and label or old.label, life_ms, most)
if overlap_ms == 0 then
  api_key_drop(old)
else
  local ends_ms = math.min(NOW_MS + overlap_ms, tonumber(old.expires_ms) or math.huge)
  redis.call('HSET', key_api(old.sha), 'replaced_by', key.id, 'expires_ms', fmt(ends_ms))
end
return api_key_reply(key)
