#!lua flags=allow-oom
-- Records what a lookup found of live calls that have not ended, or that their create request had no certain answer, and when
-- to look again.
--
-- KEYS[1]  cell prefix
-- ARGV     8 for each call, at most 64 calls: batch, ordinal, dial, what ("seen": the platform has it; "answered": the
--          same, and somebody is on the telephone; "late": the
--          platform lets it wait until behind its deadline, and it is to be stopped; "absent": it knows no such call; "unsure": the lookup failed; "doubt": the
--          create request had no certain answer, which its trunk's breaker counts once), provider id or "" (of a doubt the
--          platform's words), next check ms, absent after ms (of a doubt how long its trunk is silent, the platform's
--          Retry-After), asked ms (when the platform was asked: a worker that stood
--          still tells late of what was so then)
-- Returns  for each: "kept" | "givenback" (absent twice, asked far enough apart, and never accepted: not placed, the attempt is
--          not charged) | "over" | "gone"; and behind them {"breaker", trunk, "opened" | "reopened" | "closed", why,
--          until ms} and {"torn", key, why} (passed over, for what it holds) where that came of it
-- Errors   ERR_INVALID
-- Bound    O(calls * log n); 30 commands, and 12 for each call
-- Again    answers the same, or "over"
-- @include lib/giveback.lua
-- @include lib/torn.lua
batch_wants({ 'state', 'tenant', 'trunk', 'stops_live' })
local FIELDS = 8
check_call_args(1, FIELDS)
for at = 1, #ARGV, FIELDS do
  check_number(ARGV[at + 5], 'next check')
  check_number(ARGV[at + 6], 'absent after')
  check_number(ARGV[at + 7], 'asked')
  check_reason(ARGV[at + 4])
end

local HANG_UP_AGAIN_MS = 5000

-- Not behind the call's deadline; one that has passed already is in doubt (a clock that jumped), and no reason to hurry.
local function keep(batch, call, check_ms)
  call_write(call)
  if batch.stops_live and call.p then
    check_ms = math.min(check_ms, NOW_MS + HANG_UP_AGAIN_MS)
  end
  local hard_ms = tonumber(call.h)
  zset.put(KEY_LIVE, call_member(batch, call), hard_ms > NOW_MS and math.min(check_ms, hard_ms) or check_ms)
  return 'kept'
end

local function recheck(batch, call, what, provider_id, check_ms, absent_after_ms, asked_ms)
  if what == 'seen' or what == 'answered' or what == 'late' then
    if what == 'answered' then
      call.y = nil -- too late to stop it: nobody is cut off
    elseif what == 'late' then
      call.y = 1
    end
    if not call.p and not call.v then
      breaker.good(batch, call)
    end
    call.p, call.z = provider_id:match('^[\33-\126]+$') or call.p, nil
    if call.p then
      placed_note(batch, call, call.p)
    end
    return keep(batch, call, check_ms)
  end
  if what == 'doubt' then
    trunk_hold(batch.trunk, absent_after_ms)
  end
  if what == 'doubt' and not call.v and not call.p then
    call.v = 1
    breaker.bad(batch, call, provider_id)
  end
  -- A platform that once took the call and now does not know it proves nothing: that dial ends at its deadline.
  if what ~= 'absent' or call.p then
    return keep(batch, call, check_ms)
  end
  if call.z and asked_ms - tonumber(call.z) >= absent_after_ms then
    call_giveback(batch, call, NOW_MS, 'ABSENT')
    return 'givenback'
  end
  call.z = call.z or fmt(asked_ms)
  return keep(batch, call, math.max(check_ms, tonumber(call.z) + absent_after_ms))
end

local reply = {}
for at = 1, #ARGV, FIELDS do
  local batch = batch_load(ARGV[at])
  local call = batch and call_read(batch, tonumber(ARGV[at + 1]))
  local dial = tonumber(ARGV[at + 2])
  if not call or call.l ~= dial then
    if call and dial > (call.l or 0) and (ARGV[at + 3] == 'seen' or ARGV[at + 3] == 'answered') then
      placed_note_forgotten(batch, call, dial, ARGV[at + 4])
    end
    reply[#reply + 1] = 'gone'
  elseif call.phase ~= 'live' then
    reply[#reply + 1] = 'over'
  else
    reply[#reply + 1] = recheck(batch, call, ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]),
      math.min(tonumber(ARGV[at + 7]), NOW_MS))
  end
end
return torn.answer(reply)
