#!lua flags=allow-oom
-- A process makes the acquaintance of a cell: an empty one takes the schema version, another version is refused.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  schema version that the process speaks
-- ARGV[2]  Redis run id
-- Returns  schema version
-- Errors   ERR_STATE the cell speaks another version
-- Bound    O(1)
-- @include lib/cell.lua
local schema = fmt(check_number(ARGV[1], 'schema'))
redis.call('HSETNX', P .. 'cell', 'schema', schema)
redis.call('HSETNX', P .. 'cell', 'run_id', ARGV[2] or '')
redis.call('HSETNX', P .. 'cell', 'epoch', 1)
local known = redis.call('HGET', P .. 'cell', 'schema')
if known ~= schema then
  return redis.error_reply('ERR_STATE the cell speaks schema ' .. known .. ', this process ' .. schema)
end
return known
