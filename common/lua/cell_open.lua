#!lua flags=allow-oom
-- A process makes the acquaintance of a cell: an empty one takes the schema version, another version is refused.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  schema version that the process speaks
-- ARGV[2]  Redis run id, "" where the process may not know it
-- ARGV[3]  for how long the cell is closed where this Redis is not the one that the cell knows, ms
-- Returns  schema version
-- Errors   ERR_STATE the cell speaks another version
-- Bound    O(1)
-- Again    the first that comes with a new run id closes the cell, for the others it is known then
-- @include lib/epoch.lua
local schema = fmt(check_number(ARGV[1], 'schema'))
local run_id = ARGV[2]
local close_for_ms = check_number(ARGV[3], 'closing')
redis.call('HSETNX', KEY_CELL, 'schema', schema)
redis.call('HSETNX', KEY_CELL, 'epoch', 1)
local known = redis.call('HGET', KEY_CELL, 'schema')
if known ~= schema then
  return redis.error_reply('ERR_STATE the cell speaks schema ' .. known .. ', this process ' .. schema)
end
local known_run = redis.call('HGET', KEY_CELL, 'run_id') or ''
if run_id ~= '' and run_id ~= known_run then
  if known_run ~= '' then
    epoch_close('run_id', close_for_ms)
  end
  redis.call('HSET', KEY_CELL, 'run_id', run_id)
end
return known
