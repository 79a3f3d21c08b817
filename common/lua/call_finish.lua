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
--          already; texts kept, but those of a deadline) | "stale" (a newer dial has begun) | "changed" (decide again) | "gone"; and behind them
--          {"breaker", trunk, "closed", "", ""}, {"poison", batch, why} (it paused itself) and {"torn", key, why} (it holds what
--          cannot be written to, and was passed over) where that came of it
-- Errors   ERR_INVALID
-- Bound    O(calls * log n), and the calls held for a number that becomes free; but for these 40 commands, and 36 for each call
-- Again    answers "recorded" and changes nothing
-- @include lib/asked.lua
-- @include lib/release.lua
-- @include lib/credit.lua
-- @include lib/breaker.lua
-- @include lib/poison.lua
-- @include lib/torn.lua
batch_wants({ 'state', 'tenant', 'trunk', 'sealed', 'due', 'claimed', 'live', 'ended', 'succeeded', 'failed', 'total',
  'bytes', 'seq', 'on_event', 'on_call_complete', 'on_call_attempt', 'max_attempts', 'summary_wait_ms', 'refused', 'talked_s',
  'expired_ms' })
local FIELDS = 16
local OUTCOMES = { COMPLETED = 1, BUSY = 1, NO_ANSWER = 1, VOICEMAIL = 1, FAILED = 1, UNKNOWN = 1, INVALID_NUMBER = 1,
  BLOCKED = 1, REJECTED = 1, SUPPRESSED = 1, EXPIRED = 1, CANCELLED = 1 }
local HOWS = { ended = 1, final = 1, retry = 1 }
if #ARGV % FIELDS ~= 0 or #ARGV > FIELDS * 64 then
  return redis.error_reply('ERR_INVALID calls')
end

-- The first result of a dial takes the place of what an earlier one left: a call that nobody answered has no summary.
local function drop_older_texts(texts, name)
  for _, text in ipairs({ 'summary', 'recording', 'reason', 'success' }) do
    texts.changed[name .. ':' .. text] = false
  end
  texts.has_drops = true
end

local function keep_texts(texts, name, summary, recording, reason, success)
  local changed = texts.changed
  if summary ~= '' then
    changed[name .. ':summary'] = summary
  end
  if recording ~= '' then
    changed[name .. ':recording'] = recording
  end
  if reason ~= '' then
    changed[name .. ':reason'] = reason
  end
  if success ~= '' then
    changed[name .. ':success'] = success
  end
end

-- What the platform gives as its reason stands in many lines.
local line_words = {}
local function line_word(text)
  local word = line_words[text]
  if not word then
    word = text:gsub('[^%w_.:-]', '_')
    line_words[text] = word
  end
  return word
end

local function is_provider_id(text)
  return text:match('^[\33-\126]+$') and #text <= 128
end

-- ---- the long way, which every call may go: made for the first that does ----

local function long_way()
  local function read_result(at)
    return {
      batch = ARGV[at], ordinal = tonumber(ARGV[at + 1]), dial = tonumber(ARGV[at + 2]), attempts = tonumber(ARGV[at + 3]),
      how = ARGV[at + 4], outcome = ARGV[at + 5], next_ms = tonumber(ARGV[at + 6]), answered = ARGV[at + 7],
      ended = ARGV[at + 8], duration = ARGV[at + 9], provider_id = ARGV[at + 10], success = ARGV[at + 11],
      reason = ARGV[at + 12], recording = ARGV[at + 13], summary = ARGV[at + 14], source = ARGV[at + 15],
    }
  end

  local function log_result(batch, call, result, following)
    attempt_log(batch, call, 'd=' .. fmt(result.dial) .. ' o=' .. result.outcome .. ' e=' .. result.ended .. ' via='
      .. result.source .. ' then=' .. following .. ' n=' .. fmt(result.next_ms or 0) .. ' p=' .. (call.p or '') .. ' r='
      .. line_word(result.reason))
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
    if result.provider_id ~= call.p and is_provider_id(result.provider_id) then
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
    -- Whoever looked the call up at its deadline learnt nothing, and somebody told of its end meanwhile.
    if result.source == 'deadline' and call.phase ~= 'live' then
      return 'recorded'
    end
    -- UNKNOWN said once more is no late truth: it would take a claim back, and count as a second verdict.
    local is_truth = (call.phase == 'due' or call.phase == 'claimed') and result.outcome ~= 'UNKNOWN'
    local is_open = call.phase == 'live' or call.phase == 'ended' or (is_truth and (call.x == 'UNKNOWN' or call.g))
    -- Who was hung up on meanwhile has an outcome, which one that knows none decides about anew.
    local is_blind = call.phase == 'ended' and result.outcome == 'UNKNOWN' and call.x ~= 'UNKNOWN'
    if is_blind or (is_open and call.a ~= result.attempts) then
      return 'changed'
    end
    if is_open or call.phase == 'final' then
      local texts = map.of(batch.prefix .. ':texts:' .. call.bucket)
      if call.l > 1 and (call.phase == 'live' or call.g) then
        drop_older_texts(texts, call.name)
      end
      keep_texts(texts, call.name, result.summary, result.recording, result.reason, result.success)
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

  return function(at)
    return finish_one(read_result(at))
  end
end

-- ---- an ordinary call goes straight from one text to the other ----
-- Its platform took it, so that its breaker has counted it, and its text is of the usual form: no doubt, no queue. It ends, or is
-- tried again, for what its number did and not for what its batch asks. Or it was hung up and ends for good.
local TAKEN = '^phase=live( a=(%d+) d=(%d+) l=(%d+)) w=%S+ q=%d+ t=(%d+)( b=%d+) h=%d+ p=(%S+)(.*)$'
local HUNG_UP = '^phase=ended( a=(%d+) d=(%d+) l=(%d+))( b=%d+) p=(%S+)( ?s?=?%d*) e=%d+( ?u?=?[%d.]*)( x=.*)$'
local ORDINARY = { COMPLETED = true, BUSY = true, NO_ANSWER = true, VOICEMAIL = true, FAILED = true }
local PHASES = { final = 'final', retry = 'due', ended = 'ended' }

-- Nobody waits for what the calls hold, and none of them went the long way, which may bring that about, or have counted it.
local is_calm = true

-- Where calls are listed, for them to be taken off.
local function list_of(key)
  local set = zset.of(key)
  set.has_drops = true
  return set.changed
end
local live = list_of(KEY_LIVE)

-- Checks what is asked. The bucket of each call, false where there is no such batch.
local function read_asked()
  local of_calls, n = {}, 0
  for at = 1, #ARGV, FIELDS do
    local id, name, dial, attempts, how, outcome, next_ms = unpack(ARGV, at, at + 6)
    asked.check(name, dial, attempts, 'attempts')
    if not HOWS[how] or not OUTCOMES[outcome] or (how == 'retry' and not tonumber(next_ms)) then
      fail('ERR_INVALID result')
    end
    n = n + 1
    of_calls[n] = asked.call(id, name)
  end
  return of_calls
end

-- What the calls of a batch share, and whether somebody waits for what they hold.
local function prepare()
  local parked, tenants, trunks = {}, {}, {}
  for id, of_batch in next, asked.batches do
    if of_batch then
      local batch = of_batch.batch
      local tenant, trunk = tenants[batch.tenant], trunks[batch.trunk]
      if not tenant then
        local dialing = key_dialing(batch.tenant)
        tenant = { key = dialing, dialing = map.of(dialing), numbers = {},
          flying = list_of(key_flying('t', batch.tenant)) }
        tenants[batch.tenant] = tenant
        parked[#parked + 1] = 't/' .. batch.tenant
        parked[#parked + 1] = 'h/' .. batch.tenant
      end
      if not trunk then
        local resource = resource_load('k', batch.trunk)
        is_calm = is_calm and not (resource and resource.held == 'full')
        trunk = list_of(key_flying('k', batch.trunk))
        trunks[batch.trunk] = trunk
      end
      parked[#parked + 1] = 'b/' .. id
      of_batch.tenant, of_batch.on_trunk, of_batch.flying = tenant, trunk, list_of(key_flying('b', id))
      of_batch.tells_attempt = event_is_wanted(batch, 'call.attempt')
      of_batch.tells_end = event_is_wanted(batch, 'call.completed')
      is_calm = is_calm and not batch.refused
    end
  end
  zset.look_up(KEY_PARKED, parked)
  for i = 1, #parked do
    is_calm = is_calm and not zset.score(KEY_PARKED, parked[i])
  end
  return tenants
end

-- What the texts of the calls say, where they are of the usual form; and by which dials their numbers are held.
local function read_texts(of_calls, tenants)
  local calls, at = {}, 2
  for i = 1, #of_calls do
    local bucket, name = of_calls[i], ARGV[at]
    local text = bucket and bucket.state.known[name]
    local call = text and { text:match(TAKEN) } or false
    if call then
      local numbers = bucket.of_batch.tenant.numbers
      numbers[#numbers + 1] = call[5] or text:match(' t=(%d+)')
    end
    if call and not call[1] then
      local begun, a, d, l, begin_ms, id, answered, duration, rest = text:match(HUNG_UP)
      call = { begun, a, d, l, nil, begin_ms, id, rest, answered, duration }
    end
    calls[i], at = call, at + FIELDS
  end
  for _, tenant in next, tenants do
    map.look_up(tenant.key, tenant.numbers)
  end
  return calls
end

local retried = {} -- batches that have retries more

-- Puts them where these say: once for all, but before a call goes the long way.
local function touch_retried()
  for batch in next, retried do
    batch.room, retried[batch] = nil, nil
    touch_lane(batch)
  end
end

-- How many attempts a call of the batch may have for another to follow.
local function attempts_of(of_batch, name)
  local batch = of_batch.batch
  if not of_batch.attempts then
    of_batch.attempts, of_batch.retries = not batch_is_cut(batch) and (batch.max_attempts or 3) or 0, key_retry(batch.id)
    zset.score(of_batch.retries, name) -- fails where it is none, before anything is written
  end
  return of_batch.attempts
end

-- And none of its dials is in doubt.
local function may_retry(of_batch, name, a, next_ms, tail)
  local lost = epoch_load().tail
  return tail == (lost > 0 and ' c=' .. fmt(lost) or '') and #next_ms < 15 and next_ms:match('^[1-9]%d*$')
    and tonumber(a) < attempts_of(of_batch, name)
end

-- Its number is another's to dial, its places are others' to take.
local function let_go(of_batch, member, number)
  local tenant, batch = of_batch.tenant, of_batch.batch
  local dialing = tenant.dialing
  if dialing.known[number] == member then
    dialing.changed[number], dialing.has_drops = false, true
    if not is_calm then
      number_wake(batch.tenant, number)
    end
  end
  of_batch.on_trunk[member], tenant.flying[member], of_batch.flying[member] = false, false, false
  if not is_calm then
    flying_wake(batch)
    batch_forget(batch, 'refused')
  end
end

local function keep_line(bucket, name, before, text)
  if #text < 640 then -- few lines: each has twenty characters at least
    bucket.attempts.changed[name] = text
  else
    attempt_log(bucket.of_batch.batch, { name = name, bucket = bucket.number }, text:sub(#before + 1, -2))
  end
end

-- What its tenant's credit is charged for it.
local function charge(batch, credit_s, phase, seconds, outcome)
  local call = { r = credit_s, phase = phase, u = seconds, x = outcome }
  credit.settle(batch, call)
  return call.r
end

local function tell_attempt(batch, name, a, text)
  event_write(batch, 'call.attempt', name .. '-' .. a .. '-', { 'call', name, 'attempt', a, 'state', text }, true)
end

-- It was hung up, or is tried again.
local function go_on(of_batch, member, name, a, next_ms, text)
  local batch = of_batch.batch
  if next_ms == '' then
    batch.ended = batch.ended + 1
    zset.put(KEY_ENDED, member, NOW_MS + (batch.summary_wait_ms or 120000))
    return 'ended'
  end
  batch.due, retried[batch] = batch.due + 1, true
  zset.put(of_batch.retries, name, tonumber(next_ms))
  if of_batch.tells_attempt then
    tell_attempt(batch, name, a, text)
  end
  return 'due'
end

-- False where the call is none, or is one that something was told of before, however it was named; and nothing is done.
local function finish_ordinary(call, bucket, at)
  local _, name, dial, attempts, how, outcome, next_ms, answered, ended, duration, provider_id, success, reason, recording,
    summary, source = unpack(ARGV, at, at + FIELDS - 1)
  local begun, a, d, l, number, begin_ms, id, rest, was_answered, was_duration = unpack(call, 1, 10)
  local phase, of_batch, tail, credit_s, caller = PHASES[how], bucket.of_batch, nil, nil, nil
  if begun then
    tail, credit_s, caller = asked.tail(rest)
  end
  if l ~= dial or a ~= attempts or not tail or ended == '' or (how ~= 'retry' and next_ms ~= '')
    or (number and not ORDINARY[outcome])
    or (not number and (how ~= 'final' or source == 'deadline' or outcome == 'UNKNOWN'))
    or (how == 'retry' and not may_retry(of_batch, name, a, next_ms, tail)) or bucket.attempts.changed[name] then
    return false
  end
  if caller and how ~= 'final' then
    tail = caller .. tail
  end
  local batch, member, seconds = of_batch.batch, of_batch.lead .. name .. '/' .. d, tonumber(duration)
  local texts, lines = bucket.texts or asked.hash(bucket, 'texts'), bucket.attempts.known[name] or ''
  if number and l ~= '1' then
    drop_older_texts(texts, name)
  end
  keep_texts(texts, name, summary, recording, reason, success)
  if provider_id ~= id and is_provider_id(provider_id) then
    id = provider_id
    if caller and number then
      placed_put(number, member, begin_ms:sub(4), id)
    end
  end
  local was_seconds = was_duration and tonumber(was_duration:sub(4))
  if seconds then
    batch.talked_s = (batch.talked_s or 0) + seconds - (was_seconds or 0)
  end
  keep_line(bucket, name, lines, lines .. 'd=' .. l .. ' o=' .. outcome .. ' e=' .. ended .. ' via=' .. source .. ' then='
    .. how .. ' n=' .. (next_ms == '' and '0' or next_ms) .. ' p=' .. id .. ' r=' .. line_word(reason) .. '\n')
  local charged_s = credit_s and charge(batch, credit_s, number and 'live' or 'ended', seconds or was_seconds, outcome)
  if number then
    let_go(of_batch, member, number)
    batch.live, live[member] = batch.live - 1, false
  else
    batch.ended = batch.ended - 1
    zset.drop(KEY_ENDED, member)
  end
  local text = 'phase=' .. phase .. begun .. begin_ms .. ' p=' .. id
    .. (answered ~= '' and ' s=' .. answered or was_answered or '') .. ' e=' .. ended
    .. (seconds and ' u=' .. duration or was_duration or '') .. ' x=' .. outcome
    .. (next_ms ~= '' and ' n=' .. next_ms or '') .. tail .. (credit_s and ' r=' .. charged_s or '')
  bucket.state.changed[name] = text
  if how ~= 'final' then
    return go_on(of_batch, member, name, a, next_ms, text)
  end
  call_count_final(batch, outcome)
  if of_batch.tells_attempt then
    tell_attempt(batch, name, a, text)
  end
  if of_batch.tells_end then
    event_write(batch, 'call.completed', name .. '-' .. a .. '-', { 'call', name, 'attempt', a }, true)
  end
  if batch.live == 0 then
    batch_check_end(batch)
  end
  return 'final'
end

local of_calls = read_asked()
asked.look_up('state')
asked.look_up('attempts')
local calls, reply, finish_long = read_texts(of_calls, prepare()), {}, nil
for i = 1, #of_calls do
  local call, at = calls[i], (i - 1) * FIELDS + 1
  local answer = call and finish_ordinary(call, of_calls[i], at)
  if not answer then
    touch_retried()
    is_calm, finish_long = false, finish_long or long_way()
    answer = finish_long(at)
  end
  reply[i] = answer
end
touch_retried()
return torn.answer(reply)
