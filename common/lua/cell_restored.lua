#!lua flags=allow-oom
-- Redis was put back from a backup: all that the backup lacks is a tail that was lost, however long. The cell is stopped, and
-- closed like after any lost tail; what may have been dialed since the backup is in doubt, and looked up before it is dialed.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  Redis run id
-- ARGV[2]  for how long the cell is closed once it is started, ms
-- Returns  {from ms, until ms}: when Redis was last written before the backup, as far as it knows, and now
-- Errors   ERR_STATE an empty cell; ERR_INVALID
-- Bound    O(1)
-- Again    with the same run id the answer of the first time, and nothing is changed
-- @include lib/epoch.lua
local UNKNOWN_MS = 30 * 86400 * 1000 -- nobody is noted anywhere: longer than a batch goes on
local run_id = check_id(ARGV[1], 64, 'run id')
local close_for_ms = check_number(ARGV[2], 'closing')
local known = redis.call('HMGET', KEY_CELL, 'schema', 'restored_run', 'restored_from_ms', 'restored_ms', 'run_id')
if not known[1] then
  return redis.error_reply('ERR_STATE the cell is empty')
elseif known[2] == run_id then
  return { known[3], known[4] }
end
local from_ms = epoch_seen_ms() or NOW_MS - UNKNOWN_MS
if known[5] == run_id and epoch_load().tail > 0 then
  from_ms = math.min(from_ms, epoch_load().tail_from_ms) -- a worker was quicker, and has been noted since
end
epoch_close('backup', close_for_ms)
redis.call('HSET', KEY_CELL, 'restored_run', run_id, 'restored_epoch', fmt(epoch_load().number),
  'restored_from_ms', fmt(from_ms), 'restored_ms', fmt(NOW_MS), 'tail_from_ms', fmt(from_ms))
redis.call('HSETNX', KEY_CELL, 'stopped_ms', fmt(NOW_MS))
return { fmt(from_ms), fmt(NOW_MS) }
