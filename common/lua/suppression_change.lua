#!lua
-- Puts numbers on a do-not-call list, or takes them off: everybody's list in the cell, or a tenant's own. call_begin looks
-- at both, so what this answered holds for every call that begins afterwards.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  tenant; "" for everybody's list
-- ARGV[2]  "add" | "remove"
-- ARGV[3]  the list must hold no more than so many before it (of "add")
-- ARGV[4..] numbers, digits only; at most 500: a request that has more comes in several parts
-- Returns  {how many were added or removed, how many the list holds now}
-- Errors   ERR_INVALID; ERR_TOO_LARGE where the list holds more: nothing was added
-- Bound    O(numbers)
-- Again    changes nothing: 0 were added or removed
-- @include lib/cell.lua
local tenant, verb, most = ARGV[1], ARGV[2], check_number(ARGV[3], 'most')
local FIRST, MOST_NUMBERS = 4, 500
if (verb ~= 'add' and verb ~= 'remove') or #ARGV < FIRST or #ARGV >= FIRST + MOST_NUMBERS then
  return redis.error_reply('ERR_INVALID numbers')
end
for i = FIRST, #ARGV do
  if not ARGV[i]:match('^[1-9]%d*$') or #ARGV[i] > 15 then
    return redis.error_reply('ERR_INVALID number')
  end
end
local key = tenant == '' and KEY_SUPPRESSED or key_suppressed(check_id(tenant, 64, 'tenant'))
if verb == 'add' and redis.call('SCARD', key) > most then
  return redis.error_reply('ERR_TOO_LARGE the list is full')
end
local changed = redis.call(verb == 'add' and 'SADD' or 'SREM', key, unpack(ARGV, FIRST))
return { changed, redis.call('SCARD', key) }
