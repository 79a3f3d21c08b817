#!lua flags=allow-oom
-- A process makes the acquaintance of a cell: an empty one takes the newest schema version that the process knows, one of a
-- version that it does not know is refused.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  oldest and
-- ARGV[2]  newest schema version that the process can work with
-- ARGV[3]  Redis run id, "" where the process may not know it
-- ARGV[4]  for how long the cell is closed where this Redis is not the one that the cell knows, ms
-- Returns  schema version
-- Errors   ERR_STATE the cell speaks another version
-- Bound    O(1)
-- Again    the first that comes with a new run id closes the cell, for the others it is known then
-- @include lib/epoch.lua
local oldest = check_number(ARGV[1], 'schema')
local newest = check_number(ARGV[2], 'schema')
local run_id = ARGV[3]
local close_for_ms = check_number(ARGV[4], 'closing')
redis.call('HSETNX', KEY_CELL, 'schema', fmt(newest))
redis.call('HSETNX', KEY_CELL, 'epoch', 1)
local known = redis.call('HGET', KEY_CELL, 'schema')
local schema = tonumber(known) or 0
if schema < oldest or schema > newest then
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
return known
