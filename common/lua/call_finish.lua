#!lua flags=allow-oom
-- Makes an outcome true. The rule (common/domain/retry.c) has decided what follows; this script checks that it decided on
-- the state that is still there, moves the call, frees what it held, writes the event, and ends the batch.
--
-- KEYS[1]  cell prefix
-- ARGV     16 for each call, at most 64 calls; "" where there is none:
--          batch, ordinal, dial, attempts (as the decision saw them), how ("ended": hung up, the summary is awaited;
--          "final"; "retry"), outcome, next ms (of a retry), answered ms, ended ms, duration s, provider id, success (1|0),
--          reason, recording URL, summary, source (callback|lookup|answer|deadline)
-- Returns  for each: "ended" | "final" | "due" | "settled" (a late truth about an UNKNOWN) | "recorded" (known
--          already; texts kept) | "stale" (a newer dial has begun) | "changed" (decide again) | "gone"; and behind them
--          {"breaker", trunk, "closed", "", ""} and {"poison", batch, why} (it paused itself) where that came of it
-- Errors   ERR_INVALID
-- Bound    O(calls * log n), and the calls held for a number that becomes free; but for these 40 commands, and 36 for each call
-- Again    answers "recorded" and changes nothing
-- @include lib/pace.lua
-- @include lib/credit.lua
-- @include lib/breaker.lua
-- @include lib/poison.lua
batch_wants({ 'state', 'tenant', 'trunk', 'sealed', 'due', 'claimed', 'live', 'ended', 'succeeded', 'failed', 'total',
  'bytes', 'seq', 'on_event', 'on_call_complete', 'on_call_attempt', 'max_attempts', 'refused', 'talked_s', 'expired_ms' })
local FIELDS = 16
local OUTCOMES = { COMPLETED = 1, BUSY = 1, NO_ANSWER = 1, VOICEMAIL = 1, FAILED = 1, UNKNOWN = 1, INVALID_NUMBER = 1,
  BLOCKED = 1, REJECTED = 1, SUPPRESSED = 1, EXPIRED = 1, CANCELLED = 1 }
local HOWS = { ended = 1, final = 1, retry = 1 }
if #ARGV % FIELDS ~= 0 or #ARGV > FIELDS * 64 then
  return redis.error_reply('ERR_INVALID calls')
end

local function read_result(at)
  local result = {
    batch = check_id(ARGV[at], 48, 'batch'), ordinal = check_number(ARGV[at + 1], 'ordinal'),
    dial = check_number(ARGV[at + 2], 'dial'), attempts = check_number(ARGV[at + 3], 'attempts'), how = ARGV[at + 4],
    outcome = ARGV[at + 5], next_ms = tonumber(ARGV[at + 6]), answered = ARGV[at + 7], ended = ARGV[at + 8],
    duration = ARGV[at + 9], provider_id = ARGV[at + 10], success = ARGV[at + 11], reason = ARGV[at + 12],
    recording = ARGV[at + 13], summary = ARGV[at + 14], source = ARGV[at + 15],
  }
  if not HOWS[result.how] or not OUTCOMES[result.outcome] or (result.how == 'retry' and not result.next_ms) then
    fail('ERR_INVALID result')
  end
  return result
end

local TEXTS = { 'summary', 'recording', 'reason', 'success' }

-- The first result of a dial takes the place of what an earlier one left: a call that nobody answered has no summary.
local function drop_older_texts(batch, call)
  if call.l > 1 and (call.phase == 'live' or call.g) then
    for _, text in ipairs(TEXTS) do
      map.drop(batch.prefix .. ':texts:' .. call.bucket, call.name .. ':' .. text)
    end
  end
end

local function keep_texts(batch, call, result)
  local key = batch.prefix .. ':texts:' .. call.bucket
  for _, field in ipairs(TEXTS) do
    if result[field] ~= '' then
      map.put(key, call.name .. ':' .. field, result[field])
    end
  end
end

local function log_result(batch, call, result, following)
  attempt_log(batch, call, table.concat({ 'd=' .. fmt(result.dial), 'o=' .. result.outcome, 'e=' .. result.ended,
    'via=' .. result.source, 'then=' .. following, 'n=' .. fmt(result.next_ms or 0), 'p=' .. (call.p or ''),
    'r=' .. (result.reason:gsub('[^%w_.:-]', '_')) }, ' '))
end

-- Writes what the result tells into the state; the phase is moved by the caller.
local function take_facts(batch, call, result)
  call.x = result.outcome
  call.s = result.answered ~= '' and result.answered or call.s
  call.e = result.ended ~= '' and result.ended or call.e or fmt(NOW_MS)
  local seconds = tonumber(result.duration)
  if seconds then
    batch.talked_s = (batch.talked_s or 0) + seconds - (tonumber(call.u) or 0)
    call.u = result.duration
  end
  if result.provider_id:match('^[\33-\126]+$') and #result.provider_id <= 128 then
    call.p = result.provider_id
    placed_note(batch, call, call.p)
  end
end

-- A retry that may not be: attempts used up, or a batch that is being cancelled or has expired.
local function effective_how(batch, call, result)
  if result.how == 'retry' and (call.a >= (batch.max_attempts or 3) or batch_is_cut(batch)) then
    return 'final'
  end
  return result.how
end

-- live | ended -> due
local function retry_later(batch, call, at_ms)
  call.n = at_ms
  call_move(batch, call, 'retry')
  call_write(call)
  attempt_tell(batch, call)
  retry_add(batch, call, at_ms)
end

-- live -> ended | due | final
local function finish_live(batch, call, result)
  local member, how = call_member(batch, call), effective_how(batch, call, result)
  if not call.p and not call.v and result.outcome ~= 'UNKNOWN' then
    breaker.good(batch, call)
  end
  take_facts(batch, call, result)
  credit.settle(batch, call)
  log_result(batch, call, result, how)
  call.w, call.q, call.h, call.z, call.v = nil, nil, nil, nil, nil
  call_let_go(batch, call)
  if how == 'ended' then
    call_move(batch, call, 'hangup')
    zset.put(KEY_ENDED, member, NOW_MS + (batch.summary_wait_ms or 120000))
    call_write(call)
  elseif how == 'retry' then
    retry_later(batch, call, result.next_ms)
  else
    call_finalize(batch, call, 'attempt')
  end
  if result.outcome == 'REJECTED' and result.source == 'answer' then
    poison.refused(batch, result.reason)
  elseif result.outcome ~= 'UNKNOWN' then
    batch_forget(batch, 'refused')
  end
  zset.drop(KEY_LIVE, member)
  return how == 'retry' and 'due' or how
end

-- ended -> final | due: the summary came, or the analysis says it was something else.
local function finish_ended(batch, call, result)
  local member, how = call_member(batch, call), effective_how(batch, call, result)
  if how == 'ended' then
    return 'recorded'
  end
  take_facts(batch, call, result)
  credit.settle(batch, call)
  log_result(batch, call, result, how)
  if how == 'retry' then
    retry_later(batch, call, result.next_ms)
  else
    call_finalize(batch, call, 'attempt')
  end
  zset.drop(KEY_ENDED, member)
  return how == 'retry' and 'due' or 'final'
end

-- The truth about a dial that was given up as UNKNOWN or given back, before another has begun. The attempt of an UNKNOWN
-- was told of then; one that was given back becomes an attempt now.
local function settle_due(batch, call, result)
  local was_told, was_given_back = not call.g, call.g ~= nil
  if call.phase == 'claimed' then
    call_release(batch, call, NOW_MS)
  end
  if call.g then
    call.a, call.g = call.a + 1, nil
    batch.attempts = batch.attempts + 1
  end
  local how = effective_how(batch, call, result)
  take_facts(batch, call, result)
  credit.settle(batch, call, was_given_back)
  log_result(batch, call, result, how)
  if how == 'retry' then
    call.n = result.next_ms
    call_write(call)
    if not was_told then
      attempt_tell(batch, call)
    end
    due_forget(batch, call)
    retry_add(batch, call, result.next_ms)
    return 'due'
  end
  call_finalize(batch, call, was_told and 'contact' or 'attempt')
  due_forget(batch, call)
  touch_lane(batch)
  return 'settled'
end

-- final, and UNKNOWN: the record, its counters and nothing else. call.completed was sent; no second one follows.
local function settle_final(batch, call, result)
  batch.outcomes.UNKNOWN = (batch.outcomes.UNKNOWN or 0) - 1
  batch.outcomes[result.outcome] = (batch.outcomes[result.outcome] or 0) + 1
  if SUCCEEDED[result.outcome] then
    batch.failed, batch.succeeded = batch.failed - 1, batch.succeeded + 1
  end
  take_facts(batch, call, result)
  credit.settle(batch, call)
  log_result(batch, call, result, 'settled')
  call_write(call)
  return 'settled'
end

local function finish_one(result)
  local batch = batch_load(result.batch)
  local call = batch and call_read(batch, result.ordinal)
  if not call or not call.l or result.dial > call.l then
    return 'gone'
  end
  if result.dial < call.l then
    log_result(batch, call, result, 'stale')
    return 'stale'
  end
  -- UNKNOWN said once more is no late truth: it would take a claim back, and count as a second verdict.
  local is_truth = (call.phase == 'due' or call.phase == 'claimed') and result.outcome ~= 'UNKNOWN'
  local is_open = call.phase == 'live' or call.phase == 'ended' or (is_truth and (call.x == 'UNKNOWN' or call.g))
  if is_open and call.a ~= result.attempts then
    return 'changed'
  end
  if is_open or call.phase == 'final' then
    drop_older_texts(batch, call)
    keep_texts(batch, call, result)
  end
  if call.phase == 'live' then
    return finish_live(batch, call, result)
  elseif call.phase == 'ended' then
    return finish_ended(batch, call, result)
  elseif is_open then
    return settle_due(batch, call, result)
  elseif call.phase == 'final' and call.x == 'UNKNOWN' and result.outcome ~= 'UNKNOWN' then
    return settle_final(batch, call, result)
  end
  return 'recorded'
end

local results = {}
for at = 1, #ARGV, FIELDS do
  results[#results + 1] = read_result(at)
end

-- At once what is known of all the calls, who dials their numbers, and who may be waiting for what they hold.
local function look_ahead()
  calls_look_up(1, FIELDS, { 'state', 'attempts' })
  local parked, dialing = {}, {}
  for _, result in ipairs(results) do
    local batch = batch_load(result.batch)
    if batch and not parked[batch] then
      parked[batch] = true
      parked[#parked + 1] = 'b/' .. batch.id
      parked[#parked + 1] = 't/' .. batch.tenant
      parked[#parked + 1] = 'h/' .. batch.tenant
    end
    local number = batch and number_on_way(batch, result.ordinal)
    if number then
      want(dialing, key_dialing(batch.tenant), number)
    end
  end
  zset.look_up(KEY_PARKED, parked)
  look_up_wanted(dialing)
end

look_ahead()
local reply = {}
for _, result in ipairs(results) do
  reply[#reply + 1] = finish_one(result)
end
commit()
return notes.tell(reply)
