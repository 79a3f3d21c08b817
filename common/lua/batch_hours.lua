#!lua flags=allow-oom
-- Publishes the next hours of a batch's calling window: the lane wakes with the first of them.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  the window that the hours were reckoned from: where the batch has another by now, they are not taken
-- ARGV[3]  "<open ms>-<close ms> ...", ascending and apart, at most 64; "" where none open
-- ARGV[4]  they are all there are before this instant, ms
-- Returns  "published" | "known" (as much was published already) | "gone" (no such batch, it has ended or expired, or its
--          window is another)
-- Errors   ERR_INVALID
-- Bound    O(hours + log n)
-- Again    answers "known"
-- @include lib/scheduler.lua
local id = check_id(ARGV[1], 48, 'batch')
local hours, until_ms = ARGV[3], check_number(ARGV[4], 'until')
local MOST = 64
local n, last_ms = 0, -1
for stretch in hours:gmatch('%S+') do
  local open, close = stretch:match('^(%d+)-(%d+)$')
  n = n + 1
  if not open or n > MOST or tonumber(open) <= last_ms or tonumber(close) <= tonumber(open) then
    return redis.error_reply('ERR_INVALID hours')
  end
  last_ms = tonumber(close)
end
local batch = batch_load(id)
if not batch or not batch_awaits_time(batch) or redis.call('HGET', key_batch(id), 'window') ~= ARGV[2] then
  return 'gone'
end
local is_new = until_ms > (batch.hours_until_ms or 0)
if is_new then
  batch.hours, batch.hours_until_ms, batch.stretch = hours, until_ms, nil
  touch_lane(batch)
  batch_list_times(batch)
  commit()
  wake_workers()
end
return is_new and 'published' or 'known'
