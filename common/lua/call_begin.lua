#!lua flags=allow-oom
-- Writes the intent to dial, before anything is sent: claimed -> live, one attempt charged. Reserves for each call the
-- next instant that keeps the rate of its batch, tenant and trunk in every sliding second; the worker sends at it.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2]  latest a begin may lie behind its slot or ahead of now, ms (250)
-- ARGV[3]  deadline of the create request, ms: the first check
-- ARGV[4..] batch, ordinal, dial, life ms, caller of each call, in the order of their slots; at most 64 calls. life: from
--          begin to the hard deadline, at which a call that nothing was heard of ends as UNKNOWN (ring and talk as the
--          platform will hold them, and a margin). caller: the digits it is called from, where the platform keeps no token
--          and a lost call is looked up by both numbers; "" otherwise
-- Returns  {now us, {"begun", begin us, attempt, credit s} | {"released", reason} | {"suppressed"} | {"gone", reason}, ...}
--          in the order asked
--          credit: how long its tenant's credit lets it talk, which may be less than its batch does; not there where the
--          tenant has no limit
--          released: back among the due ones, nothing charged (among the reasons: "closed" and "stopped", the cell is; "doubt",
--          nobody has asked the platform yet; "breaker", its trunk's is not closed, and this is not the call that tries it;
--          "credits", the tenant has too little left: its batch is paused until there
--          is more, and told so); suppressed: its number is on a do-not-call list, the tenant's or
--          everybody's: ended, told, nothing charged; gone: this worker's claim does not hold any more. One that an error
--          keeps from any of these answers {"refused", error}, and leaves the others alone
-- Errors   ERR_INVALID; Redis's own where its user lacks a right, which is no call's fault
-- Bound    O(calls * log n); 50 commands, and 40 for each call
-- Again    the same dial by the same worker answers the same begin, rounded up to a millisecond, or "suppressed"
-- @include lib/gaps.lua
-- @include lib/credit.lua
batch_wants({ 'state', 'tenant', 'trunk', 'cps', 'interval_us', 'tat_us', 'claimed', 'live', 'attempts', 'hours',
  'expires_ms', 'expired_ms' })
local worker = check_id(ARGV[1], 64, 'worker')
local late_ms = check_number(ARGV[2], 'late')
local post_ms = check_number(ARGV[3], 'post deadline')

local FIELDS = 5
local RELEASE_AGAIN_MS = 0 -- a released call is due at once: its lane's pace says when

-- Among the reasons: its tenant's own doing.
local OWN = { number = true, tenant = true, window = true, credits = true }

local function refuse(batch, call, reason, again_ms)
  call_release(batch, call, again_ms or NOW_MS + RELEASE_AGAIN_MS, OWN[reason] or reason:match('^batch_') ~= nil)
  return { 'released', reason }
end

-- Why the claim may not become a dial, or nil.
local function objection(batch, call, member, lease)
  if epoch_load().closed_until_ms * 1000 > math.max(NOW_US, tonumber(call.q)) then
    return 'closed'
  end
  if epoch_load().is_stopped then
    return 'stopped'
  end
  if call.f then
    return 'doubt'
  end
  if not lease or lease <= NOW_MS then
    return 'lease'
  end
  if batch.state ~= 'pending' and batch.state ~= 'processing' then
    return 'batch_' .. batch.state
  end
  if NOW_US - tonumber(call.q) > late_ms * 1000 then
    return 'late'
  end
  if map.get(key_dialing(batch.tenant), call.t) ~= member then
    return 'number'
  end
  local trunk, tenant = resource_load('k', batch.trunk), resource_load('t', batch.tenant)
  if not trunk or trunk.state ~= 'active' then
    return 'trunk'
  end
  if trunk.hold_until_ms * 1000 > math.max(NOW_US, tonumber(call.q)) then
    return 'hold'
  end
  if trunk.breaker_until_ms and redis.call('HGET', trunk.key, 'breaker_probe') ~= member then
    return 'breaker'
  end
  if not tenant or tenant.state ~= 'active' then
    return 'tenant'
  end
  return nil
end

local suppressed = {} -- by key and number

-- Which of those numbers are in the set.
local function look_up_suppressed(key, numbers)
  suppressed[key] = {}
  for i, is_member in ipairs(redis.call('SMISMEMBER', key, unpack(numbers))) do
    suppressed[key][numbers[i]] = is_member == 1
  end
end

-- All leases at once, who dials the numbers, and which of these nobody may call.
local function look_ahead()
  calls_look_up(4, FIELDS, { 'state', 'attempts' })
  local members, everybody, of_tenant, dialing = {}, {}, {}, {}
  for i = 4, #ARGV, FIELDS do
    members[#members + 1] = ARGV[i] .. '/' .. ARGV[i + 1] .. '/' .. ARGV[i + 2] .. '/' .. worker
    local batch = batch_load(ARGV[i])
    local number = batch and number_on_way(batch, tonumber(ARGV[i + 1]))
    if number then
      everybody[#everybody + 1] = number
      want(of_tenant, key_suppressed(batch.tenant), number)
      want(dialing, key_dialing(batch.tenant), number)
    end
  end
  zset.look_up(KEY_CLAIMED, members)
  look_up_wanted(dialing)
  for key, numbers in pairs(of_tenant) do
    look_up_suppressed(key, numbers)
  end
  if #everybody > 0 then
    look_up_suppressed(KEY_SUPPRESSED, everybody)
  end
end

local function is_suppressed(batch, number)
  return suppressed[KEY_SUPPRESSED][number] or suppressed[key_suppressed(batch.tenant)][number]
end

-- claimed -> final, for first attempts and retries alike. The times of an earlier attempt stay. Its turn is used up.
local function suppress(batch, call, member)
  attempt_log(batch, call, table.concat({ 'd=' .. fmt(call.d), 'o=SUPPRESSED', 'e=' .. fmt(NOW_MS), 'via=begin',
    'then=final' }, ' '))
  call.x = 'SUPPRESSED'
  if call.a == 0 then
    call.b = nil -- of a dial that was given back
  end
  claim_refund_places(batch)
  call_let_go(batch, call)
  call_finalize(batch, call, 'contact')
  zset.drop(KEY_CLAIMED, member .. '/' .. worker)
  touch_lane(batch)
  return { 'suppressed' }
end

-- The instant of the begin; or nil, why there is none, and when there may be (nil: at once).
local function reserve(batch, slot_us)
  local trunk, tenant = resource_load('k', batch.trunk), resource_load('t', batch.tenant)
  local of_trunk, of_tenant, of_batch = begins.of('k', trunk), begins.of('t', tenant), begins.of('b', batch)
  local at_us = math.max(NOW_US, slot_us)
  at_us = begins.earliest(of_batch, begins.earliest(of_tenant, begins.earliest(of_trunk, at_us)))
  local at_ms = math.floor(at_us / 1000)
  local reason = window_objection(batch, at_ms)
  if reason then
    return nil, reason, window_opening(batch, at_ms, at_ms)
  end
  if at_us - NOW_US > late_ms * 1000 then
    return nil, 'rate'
  end
  begins.add(of_trunk, at_us)
  begins.add(of_tenant, at_us)
  begins.add(of_batch, at_us)
  return at_us
end

-- Released for its rate, a call would get a slot again at once, and again, until the second has passed: the next slot of
-- whatever held it back lies where the log admits it.
local function await_rate(batch, slot_us)
  local at_us = math.max(NOW_US, slot_us)
  for kind, resource in pairs({ k = resource_load('k', batch.trunk), t = resource_load('t', batch.tenant), b = batch }) do
    local earliest_us = begins.earliest(begins.of(kind, resource), at_us)
    if earliest_us > at_us then
      resource.tat_us = math.max(resource.tat_us or 0, earliest_us)
      gaps.forget(resource)
    end
  end
end

local function begin(batch, call, member, begin_us, life_ms, caller)
  local begin_ms = math.floor(begin_us / 1000)
  local hard_ms = begin_ms + life_ms
  zset.put(KEY_LIVE, member, math.min(begin_ms + post_ms, hard_ms))
  flying_set(batch, member, hard_ms)
  call.a, call.b, call.h = call.a + 1, fmt(begin_ms), fmt(hard_ms)
  call.l, call.s, call.e, call.u, call.g = call.d, nil, nil, nil, nil
  call.m, call.k, call.y, call.v = caller ~= '' and caller or nil, nil, nil, nil
  placed_note(batch, call, nil)
  credit.reserve(batch, call)
  call_move(batch, call, 'begin')
  call_write(call)
  attempt_log(batch, call, table.concat({ 'd=' .. fmt(call.d), 'a=' .. fmt(call.a), 'q=' .. call.q, 'b=' .. fmt(begin_us),
    'w=' .. worker }, ' '))
  zset.drop(KEY_CLAIMED, member .. '/' .. worker)
  batch.attempts = batch.attempts + 1
  batch_note_begun(batch)
  local trunk = resource_load('k', batch.trunk)
  if trunk.breaker_until_ms then
    breaker.begin_probe(trunk, member, begin_ms + post_ms)
  end
end

local function answer_begun(begin_us, call)
  return { 'begun', fmt(begin_us), fmt(call.a), call.r and fmt(call.r) }
end

local function begin_one(batch_id, ordinal, dial, life_ms, caller)
  local batch = batch_load(batch_id)
  if not batch then
    return { 'gone', 'batch' }
  end
  local call = call_read(batch, ordinal)
  local member = call_member(batch, call)
  if call.d == dial and call.phase == 'final' and call.x == 'SUPPRESSED' then
    return { 'suppressed' }
  end
  if call.d ~= dial or call.w ~= worker then
    return { 'gone', 'claim' }
  end
  if call.phase == 'live' then
    return answer_begun((tonumber(call.b) + 1) * 1000, call) -- never before what was reserved
  end
  if call.phase ~= 'claimed' then
    return { 'gone', call.phase }
  end
  local lease = zset.score(KEY_CLAIMED, member .. '/' .. worker)
  local reason = objection(batch, call, member, lease)
  if reason then
    return refuse(batch, call, reason)
  end
  if is_suppressed(batch, call.t) then
    return suppress(batch, call, member)
  end
  if credit.is_short(batch) then
    local answer = refuse(batch, call, 'credits')
    credit.pause(batch)
    return answer
  end
  local slot_us = tonumber(call.q)
  local begin_us, why_not, again_ms = reserve(batch, slot_us)
  if not begin_us then
    local answer = refuse(batch, call, why_not, again_ms)
    await_rate(batch, slot_us)
    return answer
  end
  begin(batch, call, member, begin_us, life_ms, caller)
  return answer_begun(begin_us, call)
end

check_call_args(4, FIELDS)
for i = 4, #ARGV, FIELDS do
  check_number(ARGV[i + 3], 'life')
  if not ARGV[i + 4]:match('^%d*$') or #ARGV[i + 4] > 15 then
    return redis.error_reply('ERR_INVALID caller')
  end
end
look_ahead()
local reply = { fmt(NOW_US) }
for i = 4, #ARGV, FIELDS do
  local is_done, answer = pcall(begin_one, ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]),
    ARGV[i + 4])
  local why = not is_done and (type(answer) == 'table' and answer.err or tostring(answer))
  if why and why:match("user executing the script can't ") then
    fail(why)
  end
  reply[#reply + 1] = is_done and answer or { 'refused', why }
end
commit()
return reply
