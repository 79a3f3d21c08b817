#!lua flags=no-writes
-- An owner's API keys, oldest first; also those that are over and not yet removed.
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  tenant; "" for the operators'
-- Returns  {key, ...}, each as key_create
-- Errors   ERR_INVALID
-- Bound    O(the owner's keys)
-- @include lib/directory.lua
local owner = ARGV[1] == '' and '' or check_id(ARGV[1], 64, 'tenant')
local keys, reply = {}, {}
for _, sha in ipairs(redis.call('SMEMBERS', key_owned(owner))) do
  keys[#keys + 1] = api_key_load(sha)
end
table.sort(keys, function(a, b)
  local a_ms, b_ms = tonumber(a.created_ms) or 0, tonumber(b.created_ms) or 0
  return a_ms < b_ms or (a_ms == b_ms and a.id < b.id)
end)
for i, key in ipairs(keys) do
  reply[i] = api_key_reply(key)
end
return reply
