#!lua flags=allow-oom
-- A process makes the acquaintance of a cell: an empty one takes the newest schema version that the process knows, one of a
-- version that it does not know is refused. A process that stays says so every few seconds by the same script, and finds
-- out that way when the schema was raised beyond it.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  oldest and
-- ARGV[2]  newest schema version that the process can work with
-- ARGV[3]  Redis run id, "" where the process may not know it
-- ARGV[4]  for how long the cell is closed where this Redis is not the one that the cell knows, ms
-- ARGV[5]  who stays: "<process>/<id>/<oldest>/<newest>/<version>"; "" for a tool, which goes again
-- Returns  schema version
-- Errors   ERR_STATE the cell speaks another version; ERR_INVALID
-- Bound    O(log n), and those that were not heard of any more
-- Again    the first that comes with a new run id closes the cell, for the others it is known then
-- @include lib/epoch.lua
local KEY_PROCESSES = P .. 'processes'
local PRESENCE_MS = 35000
local oldest = check_number(ARGV[1], 'schema')
local newest = check_number(ARGV[2], 'schema')
local run_id = ARGV[3]
local close_for_ms = check_number(ARGV[4], 'closing')
local presence = ARGV[5]
if presence ~= '' and not (#presence <= 256 and presence:match('^[%w_-]+/[%w_-]+/%d+/%d+/[%w_.+-]+$')) then
  return redis.error_reply('ERR_INVALID presence')
end
redis.call('HSETNX', KEY_CELL, 'schema', fmt(newest))
redis.call('HSETNX', KEY_CELL, 'epoch', 1)
local known = redis.call('HGET', KEY_CELL, 'schema')
local schema = tonumber(known) or 0
if schema < oldest or schema > newest then
  redis.call('ZREM', KEY_PROCESSES, presence) -- it leaves
  return redis.error_reply('ERR_STATE the cell speaks schema ' .. known .. ', this process ' .. fmt(oldest) .. ' to ' ..
    fmt(newest))
end
local known_run = redis.call('HGET', KEY_CELL, 'run_id') or ''
if run_id ~= '' and run_id ~= known_run then
  if known_run ~= '' then
    epoch_close('run_id', close_for_ms)
  end
  redis.call('HSET', KEY_CELL, 'run_id', run_id)
end
if presence ~= '' then
  redis.call('ZADD', KEY_PROCESSES, fmt(NOW_MS), presence)
  redis.call('ZREMRANGEBYSCORE', KEY_PROCESSES, '-inf', fmt(NOW_MS - PRESENCE_MS))
end
return known
