#!lua flags=allow-oom
-- What was learnt of claimed calls in doubt, whose dials may have been begun in a tail that Redis lost. One that the
-- platform has is told by cell_reassert instead.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2..] batch, ordinal, dial, what ("absent": the platform knows of none of the numbers in doubt, the call may begin;
--          "later": it could not be asked, or its word does not count yet), due again ms (of "later") of each call; at
--          most 64 calls
-- Returns  {"cleared" | "released" | "gone", ...} in the order asked; gone: this worker's claim does not hold any more;
--          and behind them {"torn", key, why} of each that was passed over for what it holds
-- Errors   ERR_INVALID
-- Bound    O(calls * log n)
-- Again    "absent" answers the same, "later" answers "gone"
-- @include lib/release.lua
-- @include lib/torn.lua
local FIELDS = 5
local worker = check_id(ARGV[1], 64, 'worker')
check_call_args(2, FIELDS)
for at = 2, #ARGV, FIELDS do
  if ARGV[at + 3] ~= 'absent' and ARGV[at + 3] ~= 'later' then
    return redis.error_reply('ERR_INVALID what')
  end
  check_number(ARGV[at + 4], 'due')
end

local reply = {}
for at = 2, #ARGV, FIELDS do
  local batch = batch_load(ARGV[at])
  local call = batch and call_read(batch, tonumber(ARGV[at + 1]))
  if not call or call.phase ~= 'claimed' or call.d ~= tonumber(ARGV[at + 2]) or call.w ~= worker then
    reply[#reply + 1] = 'gone'
  elseif ARGV[at + 3] == 'absent' then
    call.f = nil
    call_write(call)
    reply[#reply + 1] = 'cleared'
  else
    call_release(batch, call, math.max(NOW_MS, tonumber(ARGV[at + 4])))
    reply[#reply + 1] = 'released'
  end
end
return torn.answer(reply)
