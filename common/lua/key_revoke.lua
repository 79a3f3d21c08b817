#!lua flags=allow-oom
-- Removes an API key: it opens nothing from here on, but for what a producer still remembers of it (half a second).
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  its id
-- Returns  what it was, as key_create
-- Errors   ERR_INVALID, ERR_NOT_FOUND
-- Bound    O(1)
-- @include lib/directory.lua
local key = api_key_by_id(ARGV[1])
if not key then
  return redis.error_reply('ERR_NOT_FOUND key')
end
local reply = api_key_reply(key)
api_key_drop(key)
return reply
