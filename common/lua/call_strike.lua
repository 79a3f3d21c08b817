#!lua flags=allow-oom
-- A worker could make nothing of calls that it claimed: a record or metadata that cannot be read, or a begin that its script
-- refuses. claimed -> due, to be tried again by another; the third time -> final, FAILED. Nothing was begun, so nothing is
-- charged; nobody is told of a single one, since what would be told cannot be read.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2..] batch, ordinal, dial, why of each call; at most 64 calls
-- Returns  {"struck" | "ended" | "gone", ...} in the order asked, and behind them {"poison", batch, why} where a batch paused
--          itself because of it, and {"torn", key, why} of each that was passed over for what it holds
-- Errors   ERR_INVALID
-- Bound    O(calls * log n)
-- Again    answers "gone"
-- @include lib/release.lua
-- @include lib/poison.lua
-- @include lib/torn.lua
local FIELDS = 4
local STRIKES = 3
local AGAIN_MS = 1000
local worker = check_id(ARGV[1], 64, 'worker')
check_call_args(2, FIELDS)
for at = 2, #ARGV, FIELDS do
  check_reason(ARGV[at + 3])
end

local function strike(batch, call, why)
  call.o = (tonumber(call.o) or 0) + 1
  if call.o < STRIKES then
    call_release(batch, call, NOW_MS + AGAIN_MS, true)
    return 'struck'
  end
  local owner = call.w
  call_end_unread(batch, call, why)
  zset.drop(KEY_CLAIMED, call_member(batch, call) .. '/' .. owner)
  claim_refund_places(batch)
  touch_lane(batch)
  poison.refused(batch, why)
  return 'ended'
end

local reply = {}
for at = 2, #ARGV, FIELDS do
  local batch = batch_load(ARGV[at])
  local call = batch and call_read(batch, tonumber(ARGV[at + 1]))
  if call and call.phase == 'claimed' and call.d == tonumber(ARGV[at + 2]) and call.w == worker then
    reply[#reply + 1] = strike(batch, call, ARGV[at + 3])
  else
    reply[#reply + 1] = 'gone'
  end
end
return torn.answer(reply)
