#!lua flags=no-writes
-- Whom an API key stands for, at this instant.
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  its SHA-256, in hexadecimal
-- Returns  nil where it opens nothing: there is none, it is over, its tenant is gone. Else {role, ms that it holds on or -1,
--          ms since it was last noted as used or -1, tenant, cell, alias, requests a second or ""}, the last four "" for an
--          operator's
-- Errors   ERR_INVALID
-- Bound    O(1)
-- @include lib/directory.lua
local sha = check_sha(ARGV[1])
local key = api_key_load(sha)
if not key or api_key_is_over(key) then
  return false
end
local used_ms = tonumber(redis.call('HGET', KEY_USED, sha) or nil)
local left = key.expires_ms ~= '' and fmt(tonumber(key.expires_ms) - NOW_MS) or '-1'
local idle = used_ms and fmt(math.max(NOW_MS - used_ms, 0)) or '-1'
if key.role == 'operator' then
  return { key.role, left, idle, '', '', '', '' }
end
local place = redis.call('HMGET', key_tenant(check_id(key.tenant, 64, 'tenant')), 'cell', 'alias', 'max_requests_per_second')
if not place[1] then
  return false
end
return { key.role, left, idle, key.tenant, place[1], place[2] or '', place[3] or '' }
