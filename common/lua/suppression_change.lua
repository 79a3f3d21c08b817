#!lua
-- Puts numbers on a do-not-call list, or takes them off: everybody's list in the cell, or a tenant's own. call_begin looks
-- at both, so what this answered holds for every call that begins afterwards.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  tenant; "" for everybody's list
-- ARGV[2]  "add" | "remove"
-- ARGV[3]  most numbers on the list
-- ARGV[4..] numbers, digits only; at most 5,000
-- Returns  {how many were added or removed, how many the list holds now}
-- Errors   ERR_INVALID; ERR_TOO_LARGE where the list would hold more than it may: nothing was added
-- Bound    O(numbers)
-- Again    changes nothing: 0 were added or removed
-- @include lib/cell.lua
local tenant, verb, most = ARGV[1], ARGV[2], check_number(ARGV[3], 'most')
local FIRST, MOST_NUMBERS, UNPACK = 4, 5000, 1000
if (verb ~= 'add' and verb ~= 'remove') or #ARGV < FIRST or #ARGV >= FIRST + MOST_NUMBERS then
  return redis.error_reply('ERR_INVALID numbers')
end
for i = FIRST, #ARGV do
  if not ARGV[i]:match('^[1-9]%d*$') or #ARGV[i] > 15 then
    return redis.error_reply('ERR_INVALID number')
  end
end
local key = tenant == '' and KEY_SUPPRESSED or key_suppressed(check_id(tenant, 64, 'tenant'))

local function each(command)
  local sum = 0
  for i = FIRST, #ARGV, UNPACK do
    sum = sum + redis.call(command, key, unpack(ARGV, i, math.min(i + UNPACK - 1, #ARGV)))
  end
  return sum
end

local function known()
  local n = 0
  for i = FIRST, #ARGV do
    n = n + redis.call('SISMEMBER', key, ARGV[i])
  end
  return n
end

local held, asked = redis.call('SCARD', key), #ARGV - FIRST + 1
if verb == 'add' and held + asked > most and held + asked - known() > most then
  return redis.error_reply('ERR_TOO_LARGE the list is full')
end
local changed = each(verb == 'add' and 'SADD' or 'SREM')
return { changed, redis.call('SCARD', key) }
