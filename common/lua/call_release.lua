#!lua flags=allow-oom
-- Gives back calls that were claimed and not begun: claimed -> due, nothing charged. For a worker that drains, or that is
-- too late for a slot.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2..] batch, ordinal, dial of each call; at most 64 calls
-- Returns  {"released" | "gone", ...} in the order asked, and behind them {"torn", key, why} of each that was passed over for
--          what it holds
-- Errors   ERR_INVALID
-- Bound    O(calls * log n); 40 commands, and 30 for each call
-- Again    answers "gone"
-- @include lib/release.lua
-- @include lib/torn.lua
local worker = check_id(ARGV[1], 64, 'worker')
check_call_args(2, 3)
local reply, is_released = {}, false
for i = 2, #ARGV, 3 do
  local batch = batch_load(ARGV[i])
  local call = batch and call_read(batch, tonumber(ARGV[i + 1]))
  if call and call.phase == 'claimed' and call.d == tonumber(ARGV[i + 2]) and call.w == worker then
    call_release(batch, call, NOW_MS)
    reply[#reply + 1], is_released = 'released', true
  else
    reply[#reply + 1] = 'gone'
  end
end
if is_released then
  wake_workers()
end
return torn.answer(reply)
