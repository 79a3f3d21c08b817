#!lua flags=allow-oom
-- The platform took calls: records its ids and when each is to be looked up if it stays silent.
--
-- KEYS[1]  cell prefix
-- ARGV     batch, ordinal, dial, provider id, next check ms, queue ms of each call; at most 64 calls. queue: how long the
--          platform says that the call will wait before it rings: its hard deadline moves by that, and its trunk is
--          silent for so long, so that no queue grows at the platform
-- Returns  {"accepted" | "stop" | "over" | "gone", ...} in the order asked, and behind them {"breaker", trunk, "closed", "", ""}
--          where that came of it; stop: it would ring outside its batch's hours or
--          behind its expiry, or its batch hangs up what is on the line, so its check is due now, to stop it; over: the dial has ended already (its callback
--          overtook the answer); gone: another dial, or none
-- Errors   ERR_INVALID
-- Bound    O(calls * log n); 30 commands, and 10 for each call
-- Again    answers the same
-- @include lib/breaker.lua
batch_wants({ 'state', 'tenant', 'trunk', 'stops_live', 'refused' })
local FIELDS = 6
check_call_args(1, FIELDS)
for i = 1, #ARGV, FIELDS do
  check_number(ARGV[i + 4], 'next check')
  check_number(ARGV[i + 5], 'queue')
  if #ARGV[i + 3] > 128 or not ARGV[i + 3]:match('^[\33-\126]+$') then
    return redis.error_reply('ERR_INVALID provider id')
  end
end

-- Once for each dial: call.k says that it was done.
local function take_queue(batch, call, queue_ms)
  if queue_ms <= 0 or call.k then
    return
  end
  call.k, call.h = queue_ms, tonumber(call.h) + queue_ms
  flying_set(batch, call_member(batch, call), call.h)
  trunk_hold(batch.trunk, queue_ms)
  call.y = window_objection(batch, NOW_MS + queue_ms) and 1 or nil
end

calls_look_up(1, FIELDS, { 'state' })
local reply = {}
for i = 1, #ARGV, FIELDS do
  local batch = batch_load(ARGV[i])
  local call = batch and call_read(batch, tonumber(ARGV[i + 1]))
  if not call or call.d ~= tonumber(ARGV[i + 2]) or call.phase == 'claimed' then
    reply[#reply + 1] = 'gone'
  elseif call.phase ~= 'live' then
    reply[#reply + 1] = 'over'
  else
    if not call.p and not call.v then
      breaker.good(batch, call)
    end
    batch_forget(batch, 'refused')
    call.p, call.z = ARGV[i + 3], nil
    take_queue(batch, call, tonumber(ARGV[i + 5]))
    placed_note(batch, call, call.p)
    call_write(call)
    local is_to_stop = call.y or batch.stops_live
    local check = is_to_stop and NOW_MS or math.min(tonumber(ARGV[i + 4]), tonumber(call.h))
    zset.put(KEY_LIVE, call_member(batch, call), check)
    reply[#reply + 1] = is_to_stop and 'stop' or 'accepted'
  end
end
commit()
return notes.tell(reply)
