#!lua flags=allow-oom
-- Takes back dials that were never placed: live -> due, attempt not charged. Only the owner that knows so may say it: the
-- request did not leave (NOT_SENT), the provider refused it unprocessed (THROTTLED), or its account is not in order
-- (ACCOUNT, which also stops the trunk until an operator starts it).
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id; "-": any owner, because the platform itself says that it placed nothing
-- ARGV[2..] batch, ordinal, dial, verdict, due again ms, hold ms, the platform's words of each call; at most 64 calls. A hold
--          above 0 keeps the whole trunk silent for that long (the provider's Retry-After). NOT_SENT with a hold: the
--          platform could not be reached, and its trunk's breaker counts it; without one the reason was ours
-- Returns  {"aborted" | "gone", ...} in the order asked, and behind them {"breaker", trunk, "opened" | "reopened", why,
--          until ms} and {"torn", key, why} (passed over, for what it holds) where that came of it
-- Errors   ERR_INVALID
-- Bound    O(calls * log n); 40 commands, and 32 for each call
-- Again    answers "gone"
-- @include lib/giveback.lua
-- @include lib/torn.lua
local worker = check_id(ARGV[1], 64, 'worker')
local VERDICTS = { NOT_SENT = true, THROTTLED = true, ACCOUNT = true }
local FIELDS = 7
check_call_args(2, FIELDS)
for i = 2, #ARGV, FIELDS do
  if not VERDICTS[ARGV[i + 3]] then
    return redis.error_reply('ERR_INVALID verdict')
  end
  check_number(ARGV[i + 4], 'due')
  check_number(ARGV[i + 5], 'hold')
  check_reason(ARGV[i + 6])
end

local function stop_trunk(trunk_id, reason)
  local trunk = resource_load('k', trunk_id)
  if trunk and trunk.state == 'active' then
    trunk.state = 'stopped'
    redis.call('HSET', trunk.key, 'state', 'stopped', 'reason', reason, 'stopped_ms', fmt(NOW_MS))
    zset.drop(KEY_TRUNKS, trunk_id)
  end
end

local reply = {}
for i = 2, #ARGV, FIELDS do
  local batch = batch_load(ARGV[i])
  local call = batch and call_read(batch, tonumber(ARGV[i + 1]))
  if call and call.phase == 'live' and call.d == tonumber(ARGV[i + 2]) and (call.w == worker or worker == '-') then
    if ARGV[i + 3] == 'NOT_SENT' and tonumber(ARGV[i + 5]) > 0 then
      breaker.bad(batch, call, ARGV[i + 6])
    end
    call_giveback(batch, call, tonumber(ARGV[i + 4]), ARGV[i + 3])
    if ARGV[i + 3] == 'ACCOUNT' then
      stop_trunk(batch.trunk, 'account')
    end
    trunk_hold(batch.trunk, tonumber(ARGV[i + 5]))
    reply[#reply + 1] = 'aborted'
  else
    reply[#reply + 1] = 'gone'
  end
end
return torn.answer(reply)
