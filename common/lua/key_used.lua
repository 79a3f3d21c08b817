#!lua
-- Notes that an API key is in use, once a minute at most: what a producer sends beside a request, which does not wait for it.
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  its SHA-256, in hexadecimal
-- Returns  1 noted | 0 noted within the last minute, or there is no such key
-- Errors   ERR_INVALID
-- Bound    O(1)
-- @include lib/directory.lua
local sha = check_sha(ARGV[1])
local used_ms = tonumber(redis.call('HGET', KEY_USED, sha) or 0)
if NOW_MS - used_ms < 60000 or redis.call('EXISTS', key_api(sha)) == 0 then
  return 0
end
redis.call('HSET', KEY_USED, sha, fmt(NOW_MS))
return 1
