#!lua flags=allow-oom
-- Stops a cell, or starts it again. A stopped cell hands out no calls and lets none begin, whatever its trunks and tenants
-- say; what is on the line comes to its end, and everything else goes on.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  "stop" | "start"
-- Returns  1 where that changed something, 0 where it was so already
-- Errors   ERR_INVALID
-- Bound    O(1)
-- Again    a second stop leaves the instant of the first
-- @include lib/scheduler.lua
local KEY_CELL = P .. 'cell'
if ARGV[1] == 'stop' then
  return redis.call('HSETNX', KEY_CELL, 'stopped_ms', fmt(NOW_MS))
elseif ARGV[1] ~= 'start' then
  return redis.error_reply('ERR_INVALID state')
end
local was_stopped = redis.call('HDEL', KEY_CELL, 'stopped_ms')
wake_workers()
return was_stopped
