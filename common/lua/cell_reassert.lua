#!lua flags=allow-oom
-- Makes Redis know again of dials that it may have forgotten with its lost tail: a worker tells those that it has begun,
-- and those that it found at the platform. due | claimed | live | ended (of an older dial) -> live, with everything that
-- the begin wrote. What became of them comes by callback or lookup.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2..] batch, ordinal, dial, attempt (its number), begin ms, hard deadline ms, next check ms, telephone number,
--          provider id or "", caller (as call_begin takes it) of each dial; at most 64 dials
-- Returns  {"restored" | "known" | "newer" | "over" | "gone" | "far", ...} in the order asked. known: Redis has the dial,
--          whatever became of it (the deadline of a live one is from now on not before the one told); newer: a later one was begun; over: the contact has its last outcome already; gone: Redis
--          has no such contact (its batch went with the tail); far: farther beyond the cursor than any tail reaches;
--          and behind them {"torn", key, why} of each that was passed over for what it holds
-- Errors   ERR_INVALID
-- Bound    O(dials * log n), and the contacts that the cursors are moved over: at most 4,096 in all
-- Again    answers "known", and moves at most the deadline of a live call, never to an earlier instant
-- @include lib/call.lua
-- @include lib/credit.lua
-- @include lib/torn.lua
local FIELDS = 10
local SKIPS = 4096
local worker = check_id(ARGV[1], 64, 'worker')
if (#ARGV - 1) % FIELDS ~= 0 or #ARGV > 1 + FIELDS * 64 then
  return redis.error_reply('ERR_INVALID dials')
end

local function read_dial(at)
  local dial = {
    batch = check_id(ARGV[at], 48, 'batch'), ordinal = check_number(ARGV[at + 1], 'ordinal'),
    number = check_number(ARGV[at + 2], 'dial'), attempt = check_number(ARGV[at + 3], 'attempt'),
    begin_ms = check_number(ARGV[at + 4], 'begin'), hard_ms = check_number(ARGV[at + 5], 'deadline'),
    check_ms = check_number(ARGV[at + 6], 'check'), phone = ARGV[at + 7], provider_id = ARGV[at + 8],
    caller = ARGV[at + 9],
  }
  if not dial.caller:match('^%d*$') or #dial.caller > 15 then
    fail('ERR_INVALID caller')
  end
  if not dial.phone:match('^%d+$') or #dial.phone > 15 or dial.number < 1 or dial.attempt < 1 then
    fail('ERR_INVALID dial')
  end
  if dial.provider_id ~= '' and (#dial.provider_id > 128 or not dial.provider_id:match('^[\33-\126]+$')) then
    fail('ERR_INVALID provider id')
  end
  return dial
end

-- Contacts between the cursor and `ordinal` may have been claimed in the tail too: the cursor passes them, and they wait
-- among the retries, in doubt.
local skips = 0
local function cursor_pass(batch, ordinal)
  while batch.cursor < ordinal do
    local call = call_new(batch, batch.cursor)
    call.n, call.f = NOW_MS, 1
    call_write(call)
    zset.put(key_retry(batch.id), fmt(call.ordinal), NOW_MS)
    batch.cursor = batch.cursor + 1
    skips = skips + 1
  end
  batch.cursor = math.max(batch.cursor, ordinal + 1)
end

-- The number is this dial's now. Another call that Redis takes to hold it must be over: it is looked up at once.
local function take_number(batch, member, phone)
  local holder = map.get(key_dialing(batch.tenant), phone)
  if holder and holder ~= member then
    if zset.score(KEY_LIVE, holder) then
      zset.put(KEY_LIVE, holder, NOW_MS)
    end
  end
  map.put(key_dialing(batch.tenant), phone, member)
end

-- Where Redis had the call until now, it leaves.
local function leave(batch, call, was)
  if was.phase == 'due' then
    due_forget(batch, call)
  elseif was.phase == 'claimed' then
    zset.drop(KEY_CLAIMED, was.member .. '/' .. was.owner)
  else
    zset.drop(was.phase == 'live' and KEY_LIVE or KEY_ENDED, was.member)
  end
  if was.member ~= call_member(batch, call) then
    flying_drop(batch, was.member)
  end
end

local function restore(batch, call, dial)
  local was = { phase = call.phase, member = call_member(batch, call), owner = call.w or '' }
  if call.is_fresh and call.ordinal >= batch.cursor then
    cursor_pass(batch, call.ordinal)
  end
  batch.attempts = batch.attempts + dial.attempt - call.a
  local highest = math.max(call.d, call.i or 0)
  batch.dials = batch.dials + math.max(0, dial.number - highest)
  if call.phase == 'live' then
    credit.refund(batch, call) -- of an older dial: what it came to is lost with the tail, most likely no talk
  end
  call.a, call.d, call.l = dial.attempt, dial.number, dial.number
  call.w, call.q, call.t, call.b, call.h = worker, fmt(dial.begin_ms * 1000), dial.phone, dial.begin_ms, dial.hard_ms
  call.p = dial.provider_id ~= '' and dial.provider_id or nil
  for _, field in ipairs({ 'z', 's', 'e', 'u', 'n', 'g', 'k', 'y', 'v', 'f' }) do
    call[field] = nil
  end
  call.m = dial.caller ~= '' and dial.caller or nil
  call.i = call.m and highest > dial.number and highest or nil -- with a token it is known which numbers had calls
  call.p = call.p or (call.m and placed_id(batch, call)) or nil -- its callback was quicker than whoever tells of it
  call.c = nil -- another worker may have ended it in the tail, and begun the next: its retry is in doubt
  if call.m and not call.p and not placed_is_sure(call.b) then
    call.c = epoch_load().tail -- whose call was found nobody can tell: its retry would find it again
  end
  local member = call_member(batch, call)
  zset.put(KEY_LIVE, member, math.min(dial.check_ms, dial.hard_ms))
  flying_set(batch, member, dial.hard_ms)
  take_number(batch, member, dial.phone)
  placed_note(batch, call, call.p)
  credit.reserve(batch, call)
  call_move(batch, call, 'reassert')
  call_write(call)
  attempt_log(batch, call, table.concat({ 'd=' .. fmt(dial.number), 'a=' .. fmt(dial.attempt), 'q=' .. call.q,
    'b=' .. fmt(call.q), 'w=' .. worker, 'via=reassert' }, ' '))
  leave(batch, call, was)
  if batch.state == 'scheduled' then
    batch_move(batch, 'start')
  end
  batch_note_begun(batch)
  touch_lane(batch)
end

-- A clock that jumped forward brings a deadline near, or behind us, that the worker knows to be far. A look that was put off
-- by how old the call seemed meanwhile comes when the worker would have it.
local CLOCK_STEP_MS = 1000 -- less is rounding
local function keep_deadline(batch, call, dial)
  local was_ms, member = tonumber(call.h), call_member(batch, call)
  if call.phase ~= 'live' or dial.hard_ms <= was_ms then
    return
  end
  if dial.hard_ms > was_ms + CLOCK_STEP_MS then
    redis.call('ZADD', KEY_LIVE, 'XX', 'LT', fmt(math.min(dial.check_ms, dial.hard_ms)), member)
  end
  call.h = dial.hard_ms
  flying_set(batch, member, dial.hard_ms)
  call_write(call)
end

local function reassert(dial)
  local batch = batch_load(dial.batch)
  if not batch or batch.sealed ~= '1' or dial.ordinal < 0 or dial.ordinal >= batch.total then
    return 'gone'
  end
  local call = call_read(batch, dial.ordinal)
  if call.l == dial.number then
    keep_deadline(batch, call, dial)
    return 'known'
  elseif (call.l or 0) > dial.number then
    return 'newer'
  elseif call.phase == 'final' or (batch_is_cut(batch) and call.is_fresh and dial.ordinal >= batch.cursor) then
    return 'over'
  elseif skips + dial.ordinal - batch.cursor > SKIPS then
    return 'far'
  end
  restore(batch, call, dial)
  return 'restored'
end

local dials = {}
for at = 2, #ARGV, FIELDS do
  dials[#dials + 1] = read_dial(at)
end
local reply = {}
for _, dial in ipairs(dials) do
  reply[#reply + 1] = reassert(dial)
end
return torn.answer(reply)
