-- @include scheduler.lua
-- @include contact.lua
-- @include epoch.lua
-- One call: its state text, its transitions, what it holds while it is on its way.
--
-- The state text is for scripts and people alike: "phase=live a=1 d=2 w=w1 b=1763..." (docs/redis-keys.md):
--   phase  a attempts charged  d dials numbered  w owner  q slot (us)  t number while on the way  b begin (ms)
--   h hard deadline (ms)  p provider's id  z first found absent (ms)  s answered (ms)  e ended (ms)  u duration (s)
--   x last outcome  n next time (ms)  l last dial begun  g 1: that dial was given back, its attempt is not charged
--   m the number it is called from, where its platform keeps no token: looked up by both numbers, and recorded in
--   placed:<number>
--   k queued at the platform (ms)  y 1: to be stopped, because it would ring outside its batch's hours
--   v 1: its create request had no certain answer (lib/breaker.lua counted that)
--   o how often a worker could make nothing of it (call_strike)
--   f first dial in doubt  c tail epoch of the last claim (lib/epoch.lua)
--   r credit of the last dial begun (s): reserved while live, charged after it (lib/credit.lua)
--   i highest number that a dial of it had, where a call that was found goes under a lower one (cell_reassert)
local CALL_FIELDS = { 'phase', 'a', 'd', 'l', 'w', 'q', 't', 'b', 'h', 'p', 'z', 's', 'e', 'u', 'x', 'n', 'g', 'm', 'k',
  'y', 'v', 'o', 'f', 'c', 'r', 'i' }

-- Arguments of a script that is asked about up to 64 calls, `fields` for each, from ARGV[first] on: batch, ordinal and dial,
-- and what each script checks for itself.
local function check_call_args(first, fields)
  if (#ARGV - first + 1) % fields ~= 0 or #ARGV >= first + fields * 64 then
    fail('ERR_INVALID calls')
  end
  local checked
  for at = first, #ARGV, fields do
    if ARGV[at] ~= checked then
      checked = check_id(ARGV[at], 48, 'batch')
    end
    check_number(ARGV[at + 1], 'ordinal')
    check_number(ARGV[at + 2], 'dial')
  end
end

-- Most texts are one of these, and are read at once: claimed for the first time, begun, accepted.
local CLAIMED = '^phase=claimed a=0 d=1 w=(%S+) q=(%d+) t=(%d+)$'
local LIVE = '^phase=live a=(%d+) d=(%d+) l=(%d+) w=(%S+) q=(%d+) t=(%d+) b=(%d+) h=(%d+)(.*)$'

local function call_parse(call, text)
  local owner, slot, number = text:match(CLAIMED)
  if owner then
    call.phase, call.d, call.w, call.q, call.t = 'claimed', 1, owner, slot, number
    return
  end
  local a, d, l, w, q, t, b, h, rest = text:match(LIVE)
  if a then
    call.phase, call.a, call.d, call.l = 'live', tonumber(a), tonumber(d), tonumber(l)
    call.w, call.q, call.t, call.b, call.h = w, q, t, b, h
    call.p = rest:match('^ p=(%S+)$')
    if call.p or rest == '' then
      return
    end
    text = rest
  end
  -- What a newer build wrote and this one does not know is kept as it is (docs/decisions/0018-one-process-after-the-other.md).
  if not CALL_FIELDS.phase then
    for _, field in ipairs(CALL_FIELDS) do CALL_FIELDS[field] = true end
  end
  for name, value in text:gmatch('(%w+)=(%S*)') do
    if CALL_FIELDS[name] then
      call[name] = value
    else
      call.unknown = (call.unknown or '') .. ' ' .. name .. '=' .. value
    end
  end
  call.a, call.d, call.l, call.f = tonumber(call.a) or 0, tonumber(call.d) or 0, tonumber(call.l), tonumber(call.f)
  call.i = tonumber(call.i)
end

-- One of which nothing is written yet. `name`: its field in each hash of its bucket.
local function call_new(batch, ordinal)
  local bucket = fmt(math.floor(ordinal / BUCKET))
  return { ordinal = ordinal, name = fmt(ordinal), bucket = bucket, state_key = batch.prefix .. ':state:' .. bucket,
    phase = 'due', a = 0, d = 0, is_fresh = true }
end

local function call_read(batch, ordinal)
  local call = call_new(batch, ordinal)
  local text = map.get(call.state_key, call.name)
  if text then
    call.is_fresh = false
    call_parse(call, text)
  end
  return call
end

-- In the order of CALL_FIELDS, which the patterns above rely on. Numbers have 14 digits at most, but for the slot, which is
-- kept as it is written.
local function call_text(c)
  return 'phase=' .. c.phase .. ' a=' .. fmt(c.a) .. ' d=' .. fmt(c.d) .. (c.l and ' l=' .. fmt(c.l) or '')
    .. (c.w and ' w=' .. c.w or '')
    .. (c.q and ' q=' .. c.q or '') .. (c.t and ' t=' .. c.t or '') .. (c.b and ' b=' .. c.b or '')
    .. (c.h and ' h=' .. c.h or '') .. (c.p and ' p=' .. c.p or '')
    .. (c.z and ' z=' .. c.z or '') .. (c.s and ' s=' .. c.s or '') .. (c.e and ' e=' .. c.e or '')
    .. (c.u and ' u=' .. c.u or '') .. (c.x and ' x=' .. c.x or '') .. (c.n and ' n=' .. c.n or '')
    .. (c.g and ' g=' .. c.g or '') .. (c.m and ' m=' .. c.m or '') .. (c.k and ' k=' .. c.k or '')
    .. (c.y and ' y=' .. c.y or '') .. (c.v and ' v=' .. c.v or '') .. (c.o and ' o=' .. c.o or '')
    .. (c.f and ' f=' .. c.f or '') .. (c.c and ' c=' .. c.c or '') .. (c.r and ' r=' .. c.r or '')
    .. (c.i and ' i=' .. fmt(c.i) or '')
    .. (c.unknown or '')
end

local function call_write(call)
  map.put(call.state_key, call.name, call_text(call))
end

local function call_count_final(batch, outcome)
  local counter = SUCCEEDED[outcome] and 'succeeded' or 'failed'
  batch[counter] = batch[counter] + 1
  batch.outcomes[outcome] = (batch.outcomes[outcome] or 0) + 1
end

-- The only writer of a call's phase but for the straight ways of scripts; keeps the batch's counters, which are called like the
-- phases, in step.
local function call_move(batch, call, event)
  local to = transition_to(CALL_TRANSITIONS, call.phase, event)
  if not to then
    fail('ERR_STATE call ' .. batch.id .. '-' .. fmt(call.ordinal) .. ' is ' .. call.phase .. ', not for ' .. event)
  end
  if to == 'final' then
    call_count_final(batch, call.x)
  else
    batch[to] = batch[to] + 1
  end
  batch[call.phase] = batch[call.phase] - 1
  if to == 'due' then
    tail_doubt_due(call)
  end
  call.phase = to
end

local function call_member(batch, call)
  return batch.id .. '/' .. call.name .. '/' .. fmt(call.d)
end

-- ---- the attempt log: one line a dial, oldest first, bounded ----
local ATTEMPT_LINES = 32
local function attempt_log(batch, call, line)
  local key, field = batch.prefix .. ':attempts:' .. call.bucket, call.name
  local text = (map.get(key, field) or '') .. line .. '\n'
  if #text < 2 * ATTEMPT_LINES then -- a line has more than two characters
    map.put(key, field, text)
    return
  end
  local _, lines = text:gsub('\n', '\n')
  while lines > ATTEMPT_LINES do
    text = text:gsub('^[^\n]*\n', '', 1)
    lines = lines - 1
  end
  map.put(key, field, text)
end

-- ---- what a call holds ----

-- The sets of the trunk, the tenant and the batch.
local function flying_keys(batch)
  local keys = batch.flying
  if not keys then
    keys = { key_flying('k', batch.trunk), key_flying('t', batch.tenant), key_flying('b', batch.id) }
    batch.flying = keys
  end
  return keys
end

local function flying_set(batch, member, until_ms)
  local keys = flying_keys(batch)
  zset.put(keys[1], member, until_ms)
  zset.put(keys[2], member, until_ms)
  zset.put(keys[3], member, until_ms)
end

-- Trunk, tenant and batch have room again: it is counted anew, and whoever waited for it wakes.
local function flying_wake(batch)
  batch.room = nil
  for name in pairs(resources) do
    if resources[name] then
      resources[name].room = nil
    end
  end
  wake_trunk(batch.trunk)
  wake_tenant(batch.tenant)
  wake_batch(batch)
end

local function flying_drop(batch, member)
  local keys = flying_keys(batch)
  zset.drop(keys[1], member)
  zset.drop(keys[2], member)
  zset.drop(keys[3], member)
  flying_wake(batch)
end

-- Puts a call back among the due ones: the cursor cannot go back, so it re-enters through the retries.
local function retry_add(batch, call, at_ms)
  zset.score(key_retry(batch.id), call.name) -- fails where it is none, before anything is written
  zset.put(key_retry(batch.id), call.name, at_ms)
  if batch_is_cut(batch) then
    redis.call('ZADD', KEY_ENDING, 'NX', NOW_MS, batch.id)
  end
  touch_lane(batch)
end

-- ---- one call at a time per tenant and number ----
-- held:t/<tenant> keeps those that wait as "<number>/<since ms>/<batch>/<ordinal>", all with score 0, so that a number's
-- are found by prefix and in order (docs/decisions/0004-held-by-number.md).
-- By key, those that wait from now on, and those that wait no more.
local waiters = { MOST = 1000, come = {}, left = {}, known = {} }

-- Those that wait for the number, MOST at most; and the last that was looked at, where there are more behind it.
function waiters.of(key, number, behind)
  local members, left = {}, waiters.left[key] or {}
  local page = redis.call('ZRANGEBYLEX', key, behind and '(' .. behind or '[' .. number .. '/', '(' .. number .. '0', 'LIMIT', 0,
    waiters.MOST)
  for _, member in ipairs(page) do
    if not left[member] then
      members[#members + 1] = member
    end
  end
  return members, page[waiters.MOST]
end

-- Both are done by commit(), a leaving behind what puts the call where it waits now: a script that fails before has lost
-- nobody, and nobody waits twice.
function waiters.note(which, key, member)
  which[key] = which[key] or {}
  which[key][member] = true
end

on_commit(function()
  for key, come in pairs(waiters.come) do
    for member in pairs(come) do
      redis.call('ZADD', key, 0, member)
    end
  end
  for key, left in pairs(waiters.left) do
    for member in pairs(left) do
      redis.call('ZREM', key, member)
    end
  end
  waiters.come, waiters.left = {}, {}
end, function()
  waiters.come, waiters.left = {}, {}
end)

-- `since_ms`: the instant that the call was to be claimed for, up to a horizon ahead. It is not due before it, even where
-- the number becomes free earlier.
local function number_hold(batch, call, number, since_ms)
  local key = key_held(batch.tenant)
  if not waiters.known[key] then
    waiters.known[key] = redis.call('ZCARD', key) -- fails where it is none, before the call has left where it lay
  end
  waiters.note(waiters.come, key,
    number .. '/' .. string.format('%013.0f', since_ms) .. '/' .. batch.id .. '/' .. fmt(call.ordinal))
  if not zset.score(KEY_PARKED, 'h/' .. batch.tenant) then
    zset.put(KEY_PARKED, 'h/' .. batch.tenant, NOW_MS)
  end
end

-- A call that was held before the tail was lost may have been woken and begun in it.
local function held_doubt(batch, ordinal, since_ms)
  if since_ms <= epoch_load().tail_ms + CLAIM_AHEAD_MS then
    local call = call_read(batch, ordinal)
    tail_doubt_due(call)
    call_write(call)
  end
end

-- All that wait for the number become due: the first one claimed takes it, the others are held again. Waking only one
-- would leave the rest stuck behind a paused batch.
local function number_wake(tenant_id, number)
  if not zset.score(KEY_PARKED, 'h/' .. tenant_id) then
    return 0
  end
  local key = key_held(tenant_id)
  local members = waiters.of(key, number)
  for _, member in ipairs(members) do
    local since_ms, batch_id, ordinal = member:match('^%d+/(%d+)/([^/]+)/(%d+)$')
    local batch = batch_id and batch_load(batch_id)
    if batch then
      held_doubt(batch, tonumber(ordinal), tonumber(since_ms))
      retry_add(batch, { name = ordinal }, math.max(NOW_MS, tonumber(since_ms)))
    end
    waiters.note(waiters.left, key, member)
  end
  if #members > 0 then
    wake_workers()
  end
  return #members
end

-- Takes a due call off where it waits: the retries, or the calls held for its number.
local function due_forget(batch, call)
  if zset.score(key_retry(batch.id), fmt(call.ordinal)) then
    zset.drop(key_retry(batch.id), fmt(call.ordinal))
    return
  end
  local record = map.get(key_bucket(batch.id, 'contacts', call.ordinal), fmt(call.ordinal))
  local number = contact_phone(record) or ''
  local key, tail = key_held(batch.tenant), '/' .. batch.id .. '/' .. fmt(call.ordinal)
  local members, last
  repeat -- left behind, it would be put among the retries of a call that is over
    members, last = waiters.of(key, number, last)
    for _, member in ipairs(members) do
      if member:sub(-#tail) == tail then
        waiters.note(waiters.left, key, member)
        last = nil
      end
    end
  until not last
end

local function number_free(batch, call)
  if call.t and map.get(key_dialing(batch.tenant), call.t) == call_member(batch, call) then
    map.drop(key_dialing(batch.tenant), call.t)
    number_wake(batch.tenant, call.t)
  end
  call.t = nil
end

-- ---- which of a platform's calls to a number are whose ----
-- A platform that keeps no token of ours is asked for a lost call by number and time. What it lists may belong to other
-- dials to that number, of any batch, tenant or trunk: placed:<number> is a hash of all that were begun lately, from
-- "<batch>/<ordinal>/<dial>" to "<begin ms>", or "<begin ms> <provider id>" once the platform's id is known. It goes when
-- nothing was added for PLACED_KEEP_MS; a dial that finds itself there has all of its neighbours beside it
-- (docs/decisions/0007-whose-call-is-it.md).
local PLACED_KEEP_MS = 900000
local PLACED_SURE_MS = 780000 -- what was begun as much as two minutes apart from such a dial is there still
local PLACED_MOST = 64

-- All that was begun about that time is known to whoever looks now. A dial that is heard of later would find itself alone,
-- and take any call to its number for its own.
local function placed_is_sure(begin_ms)
  return NOW_MS - tonumber(begin_ms) <= PLACED_SURE_MS
end

-- Makes room: the old ones go, or the oldest where none is old.
local function placed_trim(key)
  local all, oldest, oldest_ms, dropped = redis.call('HGETALL', key), nil, nil, 0
  for i = 1, #all, 2 do
    local begin_ms = tonumber(all[i + 1]:match('^%d+')) or 0
    if begin_ms < NOW_MS - PLACED_KEEP_MS then
      redis.call('HDEL', key, all[i])
      dropped = dropped + 1
    elseif not oldest_ms or begin_ms < oldest_ms then
      oldest, oldest_ms = all[i], begin_ms
    end
  end
  if dropped == 0 and oldest then
    redis.call('HDEL', key, oldest)
  end
end

-- The dial `member` is about to be sent, where there is no `provider_id`, or its id became known. `begin_ms`: as text.
local function placed_put(number, member, begin_ms, provider_id)
  local key = key_placed(number)
  if not provider_id and redis.call('HLEN', key) >= PLACED_MOST then
    placed_trim(key)
  end
  redis.call('HSET', key, member, provider_id and begin_ms .. ' ' .. provider_id or begin_ms)
  redis.call('PEXPIRE', key, PLACED_KEEP_MS)
end

-- The same, where the call's platform keeps no token.
local function placed_note(batch, call, provider_id)
  if call.m and call.t and (provider_id or placed_is_sure(call.b)) then
    placed_put(call.t, call_member(batch, call), call.b, provider_id)
  end
end

-- The platform's id of the call's dial, where it is known already; nil where it is not.
local function placed_id(batch, call)
  local text = redis.call('HGET', key_placed(call.t), call_member(batch, call))
  return text and text:match('^%d+ (.+)$')
end

-- Somebody was told of a call of a dial that Redis does not know: it was begun in a tail that was lost, or is none of this
-- contact's. The call is nobody else's. Of a platform that keeps our token it serves nobody, and goes soon.
local function placed_note_forgotten(batch, call, dial, provider_id)
  local number = contact_phone(map.get(key_bucket(batch.id, 'contacts', call.ordinal), call.name))
  if not number or not provider_id:match('^[\33-\126]+$') then
    return
  end
  local key = key_placed(number)
  if redis.call('HLEN', key) >= PLACED_MOST then
    placed_trim(key)
  end
  redis.call('HSET', key, batch.id .. '/' .. call.name .. '/' .. fmt(dial), fmt(NOW_MS) .. ' ' .. provider_id)
  redis.call('PEXPIRE', key, PLACED_KEEP_MS)
  if call.m and call.phase == 'live' and dial > (call.i or 0) then
    call.i = dial -- found already, under a lower number: its own must not be given to another call
    call_write(call)
  end
end

-- The dial was not placed. One that was, and was stopped before it rang, stays what that call is known by.
local function placed_forget(batch, call)
  if call.m and call.t and not call.p then
    redis.call('HDEL', key_placed(call.t), call_member(batch, call))
  end
end

-- Everything a call holds on its way is given back.
local function call_let_go(batch, call)
  local member = call_member(batch, call)
  number_free(batch, call)
  flying_drop(batch, member)
end

-- ---- endings ----

-- What is told of a call: `call.a` is the attempt that it ends with.
local function call_tell(batch, call, type_name, fields)
  local attempt = fmt(call.a)
  event_write(batch, type_name, call.name .. '-' .. attempt .. '-',
    { 'call', call.name, 'attempt', attempt, unpack(fields) })
end

-- A charged attempt has its outcome. The event keeps the state as it is now, with what follows: the next attempt may have
-- overwritten it before a notifier reads.
local function attempt_tell(batch, call)
  if event_is_wanted(batch, 'call.attempt') then
    call_tell(batch, call, 'call.attempt', { 'state', call_text(call) })
  end
end

-- The contact's last word: counted, told, and the batch ended where it was the last. `call.x` is its outcome. `told`:
-- "attempt" where its last attempt has its outcome only now, "contact" where that was told before, nil where there was none.
local function call_finalize(batch, call, told)
  call.w, call.q, call.h, call.n, call.z = nil, nil, nil, nil, nil
  call.m, call.k, call.y, call.v, call.f, call.i = nil, nil, nil, nil, nil, nil
  call_move(batch, call, 'finish')
  call_write(call)
  if told == 'attempt' then
    attempt_tell(batch, call)
  end
  if told then
    call_tell(batch, call, 'call.completed', {})
  end
  batch_check_end(batch)
end

-- due | claimed -> final, FAILED: nobody can read it. No event of its own is written, for the same reason.
local function call_end_unread(batch, call, why)
  attempt_log(batch, call, table.concat({ 'd=' .. fmt(call.d), 'o=FAILED', 'e=' .. fmt(NOW_MS), 'via=claim', 'then=final',
    'r=' .. (why:gsub('[^%w_.:-]', '_')) }, ' '))
  map.put(batch.prefix .. ':texts:' .. call.bucket, call.name .. ':reason', why)
  call.x = 'FAILED'
  if call.phase == 'claimed' then
    call_let_go(batch, call)
  end
  call_finalize(batch, call, nil)
end
