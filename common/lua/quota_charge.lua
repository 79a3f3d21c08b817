#!lua flags=allow-oom
-- Counts requests of a tenant that a producer has taken already, and says how far the tenant is ahead of its rate, by a
-- GCRA with a burst of one second's worth. What is ahead is owed: at most a second of it.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  tenant
-- ARGV[2]  requests
-- ARGV[3]  how many it may make a second
-- Returns  us until its next request fits
-- Errors   ERR_INVALID
-- Bound    O(1)
-- Again    counts them again
-- @include lib/cell.lua
local tenant = check_id(ARGV[1], 64, 'tenant')
local n, per_second = check_number(ARGV[2], 'requests'), check_number(ARGV[3], 'rate')
if n < 1 or per_second < 1 then
  return redis.error_reply('ERR_INVALID requests')
end
local key = P .. 'requests:t/' .. tenant
local SECOND_US = 1000000
local KEEP_MS = 3000 -- behind it nothing can be owed
local interval_us = math.ceil(SECOND_US / per_second)
local tat_us = tonumber(redis.call('GET', key) or 0)
tat_us = math.min(math.max(tat_us, NOW_US) + n * interval_us, NOW_US + 2 * SECOND_US)
redis.call('SET', key, fmt(tat_us), 'PX', KEEP_MS)
return math.max(0, tat_us - (SECOND_US - interval_us) - NOW_US)
