#!lua flags=allow-oom
-- The platform took calls: records its ids and when each is to be looked up if it stays silent.
--
-- KEYS[1]  cell prefix
-- ARGV     batch, ordinal, dial, provider id, next check ms of each call; at most 64 calls
-- Returns  {"accepted" | "over" | "gone", ...} in the order asked; over: the dial has ended already (its callback
--          overtook the answer); gone: another dial, or none
-- Errors   ERR_INVALID
-- Bound    O(calls * log n)
-- Again    answers the same
-- @include lib/call.lua
if #ARGV % 5 ~= 0 or #ARGV > 5 * 64 then
  return redis.error_reply('ERR_INVALID calls')
end
for i = 1, #ARGV, 5 do
  check_id(ARGV[i], 48, 'batch')
  check_number(ARGV[i + 1], 'ordinal')
  check_number(ARGV[i + 2], 'dial')
  check_number(ARGV[i + 4], 'next check')
  if #ARGV[i + 3] > 128 or not ARGV[i + 3]:match('^[\33-\126]+$') then
    return redis.error_reply('ERR_INVALID provider id')
  end
end
local reply = {}
for i = 1, #ARGV, 5 do
  local batch = batch_load(ARGV[i])
  local call = batch and call_read(batch, tonumber(ARGV[i + 1]))
  if not call or call.d ~= tonumber(ARGV[i + 2]) or call.phase == 'claimed' then
    reply[#reply + 1] = 'gone'
  elseif call.phase ~= 'live' then
    reply[#reply + 1] = 'over'
  else
    call.p, call.z = ARGV[i + 3], nil
    call_write(batch, call)
    local check = math.min(tonumber(ARGV[i + 4]), tonumber(call.h))
    redis.call('ZADD', KEY_LIVE, fmt(check), call_member(batch, call))
    reply[#reply + 1] = 'accepted'
  end
end
return reply
