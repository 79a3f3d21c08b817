#!lua flags=allow-oom
-- The platform took calls: records its ids and when each is to be looked up if it stays silent.
--
-- KEYS[1]  cell prefix
-- ARGV     batch, ordinal, dial, provider id, next check ms, queue ms of each call; at most 64 calls. queue: how long the
--          platform says that the call will wait before it rings: its hard deadline moves by that, and its trunk is
--          silent for so long, so that no queue grows at the platform
-- Returns  {"accepted" | "stop" | "over" | "gone", ...} in the order asked, and behind them {"breaker", trunk, "closed", "", ""}
--          and {"torn", key, why} (passed over, for what it holds) where that came of it; stop: it would ring outside its batch's hours or
--          behind its expiry, or its batch hangs up what is on the line, so its check is due now, to stop it; over: the dial has ended already (its callback
--          overtook the answer); gone: another dial, or none
-- Errors   ERR_INVALID
-- Bound    O(calls * log n); 30 commands, and 10 for each call
-- Again    answers the same
-- @include lib/asked.lua
-- @include lib/breaker.lua
-- @include lib/torn.lua
batch_wants({ 'state', 'tenant', 'trunk', 'stops_live', 'refused' })
local FIELDS = 6
if #ARGV % FIELDS ~= 0 or #ARGV > FIELDS * 64 then
  return redis.error_reply('ERR_INVALID calls')
end

-- Checks what is asked. The bucket of each call, false where there is no such batch.
local function read_asked()
  local of_calls, n = {}, 0
  for at = 1, #ARGV, FIELDS do
    local id, name, dial, provider_id, check_ms, queue_ms = unpack(ARGV, at, at + FIELDS - 1)
    asked.check(name, dial, queue_ms, 'queue')
    check_number(check_ms, 'next check')
    if #provider_id > 128 or not provider_id:match('^[\33-\126]+$') then
      fail('ERR_INVALID provider id')
    end
    n = n + 1
    of_calls[n] = asked.call(id, name)
  end
  return of_calls
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

-- The long way, which every call may go.
local function accept_long(batch, at)
  local call = call_read(batch, tonumber(ARGV[at + 1]))
  if call.d ~= tonumber(ARGV[at + 2]) or call.phase == 'claimed' then
    return 'gone'
  elseif call.phase ~= 'live' then
    return 'over'
  end
  if not call.p and not call.v then
    breaker.good(batch, call)
  end
  batch_forget(batch, 'refused')
  call.p, call.z = ARGV[at + 3], nil
  take_queue(batch, call, tonumber(ARGV[at + 5]))
  placed_note(batch, call, call.p)
  call_write(call)
  local is_to_stop = call.y or batch.stops_live
  local check = is_to_stop and NOW_MS or math.min(tonumber(ARGV[at + 4]), tonumber(call.h))
  zset.put(KEY_LIVE, call_member(batch, call), check)
  return is_to_stop and 'stop' or 'accepted'
end

-- ---- an ordinary call: it was begun, its text is of the usual form, and it does not wait at its platform ----
local BEGUN = '^(phase=live a=%d+ d=(%d+) l=%d+ w=%S+ q=%d+ t=%d+ b=%d+ h=(%d+))(.*)$'
local live = zset.of(KEY_LIVE).changed

-- The answer is nothing to the trunk's breaker, and the batch hangs nobody up.
local function is_quiet(of_batch)
  local batch, b = of_batch.batch, breaker.load(of_batch.batch.trunk)
  of_batch.is_quiet = not (b.until_ms or b.last_ms or batch.stops_live)
  if of_batch.is_quiet then
    batch_forget(batch, 'refused')
  end
  return of_batch.is_quiet
end

-- False where the call is none, and nothing is done.
local function accept_ordinary(bucket, at)
  local _, name, dial, provider_id, check_ms, queue_ms = unpack(ARGV, at, at + FIELDS - 1)
  local state, of_batch = bucket.state, bucket.of_batch
  local text = not state.changed[name] and state.known[name]
  if not text then
    return false
  end
  local begun, d, hard_ms, rest = text:match(BEGUN)
  if d ~= dial or queue_ms ~= '0' then
    return false
  end
  local is_usual, _, caller = asked.tail(rest)
  if not is_usual or not (of_batch.is_quiet or is_quiet(of_batch)) then
    return false
  end
  local member = of_batch.lead .. name .. '/' .. d
  if caller then
    local number, begin_ms = begun:match(' t=(%d+) b=(%d+) ')
    placed_put(number, member, begin_ms, provider_id)
  end
  state.changed[name] = begun .. ' p=' .. provider_id .. rest
  live[member] = math.min(check_ms, hard_ms)
  return 'accepted'
end

local of_calls, reply = read_asked(), {}
asked.look_up('state')
for i = 1, #of_calls do
  local bucket, at = of_calls[i], (i - 1) * FIELDS + 1
  reply[i] = bucket and (accept_ordinary(bucket, at) or accept_long(bucket.of_batch.batch, at)) or 'gone'
end
return torn.answer(reply)
