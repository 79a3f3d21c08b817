#!lua flags=allow-oom
-- Closes the cell because Redis's clock stepped forward against a worker's own: leases and deadlines that rest on it have
-- passed before their time. (Another Redis than before closes it in cell_open.)
--
-- KEYS[1]  cell prefix
-- ARGV[1]  the worker's last look at Redis's clock before the step, ms
-- ARGV[2]  for how long, ms
-- Returns  {epoch, closed until ms or "" where it is open, by: "clock" | "run_id" | ""}
-- Errors   ERR_INVALID
-- Bound    O(1)
-- Again    a worker that saw the step later than another finds a closing that came after its look, and changes nothing
-- @include lib/epoch.lua
local seen_ms = check_number(ARGV[1], 'last look')
local close_for_ms = check_number(ARGV[2], 'closing')
if epoch_load().closed_ms <= seen_ms then
  epoch_close('clock', close_for_ms)
end
local now = epoch_load()
return { fmt(now.number), now.closed_until_ms > 0 and fmt(now.closed_until_ms) or '',
  redis.call('HGET', KEY_CELL, 'closed_by') or '' }
