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

-- Checks it all, before anything is written.
local function check_results()
  for at = 1, #ARGV, FIELDS do
    local ordinal, dial, attempts, how, outcome, next_ms = unpack(ARGV, at + 1, at + 6)
    if ARGV[at] ~= ARGV[at - FIELDS] then
      check_id(ARGV[at], 48, 'batch')
    end
    local numbers = ordinal .. ' ' .. dial .. ' ' .. attempts
    if #numbers > 17 or not numbers:match('^%d+ %d+ %d+$') then
      check_number(ordinal, 'ordinal')
      check_number(dial, 'dial')
      check_number(attempts, 'attempts')
    end
    if not HOWS[how] or not OUTCOMES[outcome] or (how == 'retry' and not tonumber(next_ms)) then
      fail('ERR_INVALID result')
    end
  end
end

local TEXTS = { 'summary', 'recording', 'reason', 'success' }

-- The first result of a dial takes the place of what an earlier one left: a call that nobody answered has no summary.
local function drop_older_texts(key, name)
  for _, text in ipairs(TEXTS) do
    map.drop(key, name .. ':' .. text)
  end
end

local function keep_texts(key, name, summary, recording, reason, success)
  if summary ~= '' then
    map.put(key, name .. ':summary', summary)
  end
  if recording ~= '' then
    map.put(key, name .. ':recording', recording)
  end
  if reason ~= '' then
    map.put(key, name .. ':reason', reason)
  end
  if success ~= '' then
    map.put(key, name .. ':success', success)
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
    if is_provider_id(result.provider_id) then
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
      local key = batch.prefix .. ':texts:' .. call.bucket
      if call.l > 1 and (call.phase == 'live' or call.g) then
        drop_older_texts(key, call.name)
      end
      keep_texts(key, call.name, result.summary, result.recording, result.reason, result.success)
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
-- Its platform took it, so that its breaker has counted it, and its text holds no more than that leaves there, and how the dial
-- before ended: no credit, no number that it is called from, no doubt. It ends for good, with an outcome of its number and not
-- of its batch.
local TAKEN = '^phase=live( a=(%d+) d=(%d+) l=(%d+)) w=%S+ q=%d+ t=(%d+)( b=%d+) h=%d+ p=(%S+)(.*)$'
local ORDINARY = { COMPLETED = true, BUSY = true, NO_ANSWER = true, VOICEMAIL = true, FAILED = true }

-- By a batch's id what these calls share, and in order their buckets.
local plans, buckets = {}, {}
-- Somebody may wait for what the calls give back, or may have counted it.
local is_awaited = false

local function plan_of(id)
  local batch = batch_load(id)
  plans[id] = batch and { batch = batch, lead = id .. '/', dialing = key_dialing(batch.tenant), buckets = {},
    tells_attempt = event_is_wanted(batch, 'call.attempt') }
  return plans[id]
end

-- `first`: its first ordinal. names, texts: of the calls that are asked about.
local function bucket_of(plan, first)
  local lead, number = plan.batch.prefix, fmt(first / BUCKET)
  local bucket = { plan = plan, bucket = number, states = lead .. ':state:' .. number, texts = lead .. ':texts:' .. number,
    names = {}, is_met = {} }
  plan.buckets[first] = bucket
  buckets[#buckets + 1] = bucket
  return bucket
end

-- The bucket of each call, false where there is no such batch.
local function sort_calls()
  local of_calls, n = {}, 0
  for at = 1, #ARGV, FIELDS do
    local plan = plans[ARGV[at]]
    if plan == nil then
      plan = plan_of(ARGV[at])
    end
    n = n + 1
    local name = ARGV[at + 1]
    if plan then
      local first = name - name % BUCKET
      local bucket = plan.buckets[first] or bucket_of(plan, first)
      bucket.names[#bucket.names + 1] = name
      of_calls[n] = bucket
    else
      of_calls[n] = false
    end
  end
  return of_calls
end

local function look_up_calls()
  for _, bucket in ipairs(buckets) do
    if #bucket.names > 1 then
      map.look_up(bucket.states, bucket.names)
      map.look_up(bucket.plan.batch.prefix .. ':attempts:' .. bucket.bucket, bucket.names)
    end
  end
end

local function look_up_waiting()
  local parked, met = {}, {}
  for id, plan in pairs(plans) do
    if plan then
      local tenant, trunk = plan.batch.tenant, plan.batch.trunk
      parked[#parked + 1] = 'b/' .. id
      if not met[plan.dialing] then
        met[plan.dialing] = true
        parked[#parked + 1] = 't/' .. tenant
        parked[#parked + 1] = 'h/' .. tenant
      end
      if not met[trunk] then
        met[trunk] = true
        local resource = resource_load('k', trunk)
        is_awaited = is_awaited or (resource and resource.held == 'full')
      end
    end
  end
  zset.look_up(KEY_PARKED, parked)
  for i = 1, #parked do
    is_awaited = is_awaited or zset.score(KEY_PARKED, parked[i]) ~= nil
  end
end

-- What the texts of the calls say, where they are ordinary; and who dials their numbers.
local function read_texts(of_calls)
  local calls, dialing = {}, {}
  for i, bucket in ipairs(of_calls) do
    local name = ARGV[(i - 1) * FIELDS + 2]
    local text = bucket and not bucket.is_met[name] and map.get(bucket.states, name)
    calls[i] = text and { text:match(TAKEN) }
    if text then
      bucket.is_met[name] = true
      local number = calls[i][5] or text:match(' t=(%d+)')
      if number then
        want(dialing, bucket.plan.dialing, number)
      end
    end
  end
  look_up_wanted(dialing)
  return calls
end

-- Its number is another's to dial, its places are others' to take.
local function let_go(plan, member, number)
  local batch = plan.batch
  if map.get(plan.dialing, number) == member then
    map.drop(plan.dialing, number)
    if is_awaited then
      number_wake(batch.tenant, number)
    end
  end
  local keys = flying_keys(batch)
  zset.drop(keys[1], member)
  zset.drop(keys[2], member)
  zset.drop(keys[3], member)
  if is_awaited then
    flying_wake(batch)
  end
end

-- False where the call is none, and nothing is done.
local function finish_ordinary(call, bucket, at)
  local _, name, dial, attempts, how, outcome, next_ms, answered, ended, duration, provider_id, success, reason, recording,
    summary, source = unpack(ARGV, at, at + FIELDS - 1)
  local begun, a, d, l, number, begin_ms, id, rest = unpack(call)
  if l ~= dial or a ~= attempts or how ~= 'final' or not ORDINARY[outcome] or ended == '' or next_ms ~= ''
    or (rest ~= '' and not rest:match('^ x=[%u_]+$')) then
    return false
  end
  local plan = bucket.plan
  local batch, member, seconds = plan.batch, plan.lead .. name .. '/' .. d, tonumber(duration)
  if l ~= '1' then
    drop_older_texts(bucket.texts, name)
  end
  keep_texts(bucket.texts, name, summary, recording, reason, success)
  if provider_id ~= id and is_provider_id(provider_id) then
    id = provider_id
  end
  if seconds then
    batch.talked_s = (batch.talked_s or 0) + seconds
  end
  attempt_log(batch, { name = name, bucket = bucket.bucket }, 'd=' .. l .. ' o=' .. outcome .. ' e=' .. ended .. ' via='
    .. source .. ' then=final n=0 p=' .. id .. ' r=' .. line_word(reason))
  let_go(plan, member, number)
  local text = 'phase=final' .. begun .. begin_ms .. ' p=' .. id .. (answered ~= '' and ' s=' .. answered or '') .. ' e='
    .. ended .. (seconds and ' u=' .. duration or '') .. ' x=' .. outcome
  map.put(bucket.states, name, text)
  batch.live = batch.live - 1
  batch_forget(batch, 'refused')
  call_count_final(batch, outcome)
  local subject = name .. '-' .. a .. '-'
  if plan.tells_attempt then
    event_write(batch, 'call.attempt', subject, { 'call', name, 'attempt', a, 'state', text })
  end
  event_write(batch, 'call.completed', subject, { 'call', name, 'attempt', a })
  if batch.live == 0 then
    batch_check_end(batch)
  end
  zset.drop(KEY_LIVE, member)
  return 'final'
end

check_results()
local of_calls = sort_calls()
look_up_calls()
look_up_waiting()
local calls, reply, finish_long = read_texts(of_calls), {}, nil
for i, bucket in ipairs(of_calls) do
  local call, at = calls[i], (i - 1) * FIELDS + 1
  reply[i] = call and call[1] and finish_ordinary(call, bucket, at)
  if not reply[i] then
    is_awaited, finish_long = true, finish_long or long_way()
    reply[i] = finish_long(at)
  end
end
commit()
return notes.tell(reply)
