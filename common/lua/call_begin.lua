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
--          keeps from any of these answers {"refused", error}, and leaves the others alone.
-- Errors   ERR_INVALID; Redis's own where its user lacks a right, which is no call's fault
-- Bound    O(calls * log n); 50 commands, and 40 for each call; twice as many where one fails
-- Again    the same dial by the same worker answers the same begin, rounded up to a millisecond, or "suppressed"
-- @include lib/begins.lua
-- @include lib/gaps.lua
-- @include lib/release.lua
-- @include lib/credit.lua
-- (The log of begins first: commit() writes it before it writes what the batches count.)
batch_wants({ 'state', 'tenant', 'trunk', 'cps', 'claimed', 'live', 'attempts', 'hours', 'expires_ms', 'expired_ms', 'talk_s' })
local worker = check_id(ARGV[1], 64, 'worker')
local late_us = check_number(ARGV[2], 'late') * 1000
local post_ms = check_number(ARGV[3], 'post deadline')

local FIRST, FIELDS = 4, 5
local RELEASE_AGAIN_MS = 0 -- a released call is due at once: its lane's pace says when

-- ---- what is asked ----

local calls
do
  -- Of up to 15 digits, which a number holds exactly.
  local DIGITS = '%d' .. ('%d?'):rep(14)
  local DIAL = ('^(([%w_-]+)/(D)/D)/(D)/'):gsub('D', (DIGITS:gsub('%%', '%%%%')))
  local USUAL, CALLED_FROM = DIAL .. '/', DIAL .. '(' .. DIGITS .. ')/'

  -- The calls in ARGV, where all are of the form that they nearly always have: they are taken apart at once then.
  local function at_once()
    local text, at, asked, find = table.concat(ARGV, '/', FIRST) .. '/', 1, {}, string.find
    for i = 1, math.min(64, (#ARGV - FIRST + 1) / FIELDS) do
      local _, last, member, id, name, life_ms, caller = find(text, USUAL, at)
      if not last then
        _, last, member, id, name, life_ms, caller = find(text, CALLED_FROM, at)
      end
      if not last then
        return nil
      end
      asked[i] = { member = member, batch = id, name = name, life_ms = life_ms, caller = caller }
      at = last + 1
    end
    return at > #text and asked or nil
  end

  local function one_by_one()
    check_call_args(FIRST, FIELDS)
    local asked = {}
    for i = FIRST, #ARGV, FIELDS do
      local id, name, dial, life_ms, caller = unpack(ARGV, i, i + FIELDS - 1)
      check_number(life_ms, 'life')
      if not caller:match('^%d*$') or #caller > 15 then
        fail('ERR_INVALID caller')
      end
      name, dial = fmt(tonumber(name)), fmt(tonumber(dial))
      asked[#asked + 1] = { member = id .. '/' .. name .. '/' .. dial, batch = id, name = name, life_ms = life_ms,
        caller = caller ~= '' and caller or nil }
    end
    return asked
  end

  calls = at_once() or one_by_one()
end

-- ---- what is the same for many calls is found once ----

local CLAIM_END = '/' .. worker -- of a claim, behind the name of the dial
local claims, leases = {} -- of the calls
-- Whom nobody may call, of the numbers that they are on the way to. has_any: such a list, or one of a tenant, is there.
local lists = { everybody = {}, has_any = false }
local grounds = {} -- by a batch's id, what its calls have in common
do
  local NONE = {}
  -- By id. Of a tenant's: numbers: that its calls are on the way to, `n` of them; on_list: which of them are on its own list;
  -- dialing: by which dial.
  local tenants, trunks = {}, {}

  local function tenant_of(id)
    local tenant = tenants[id]
    if not tenant then
      local key = key_dialing(id)
      tenant = { key = key, dialing = map.of(key).known, numbers = {}, n = 0, on_list = NONE }
      tenants[id] = tenant
    end
    return tenant
  end

  -- The log of its begins, and its calls on their way; false where no call of it is ordinary. Its other fields are not asked for.
  local function tenant_prepare(tenant, id)
    local values = redis.call('HMGET', key_tenant(id), 'state', 'cps', 'available_s')
    tenant.log = values[1] == 'active' and begins.of('t', id, tonumber(values[2]))
    tenant.has_limit = values[3] ~= false -- of its credit
    tenant.flying = zset.of(key_flying('t', id)).changed
  end

  local function trunk_of(id)
    local trunk = trunks[id]
    if not trunk then
      local found, log = resource_load('k', id), false
      if found and found.state == 'active' and found.hold_until_ms <= NOW_MS and not found.breaker_until_ms then
        log = begins.of('k', id, found.cps)
      end
      trunk = { log = log, flying = zset.of(key_flying('k', id)).changed }
      trunks[id] = trunk
    end
    return trunk
  end

  -- What an ordinary call of the batch needs; nothing where none may begin, or where more than usual is to be thought of.
  local function ground_prepare(ground)
    local batch, tenant, epoch = ground.batch, ground.tenant, epoch_load()
    if epoch.closed_until_ms > 0 or epoch.is_stopped or (batch.state ~= 'processing' and batch.state ~= 'pending') then
      return
    end
    if tenant.log == nil then
      tenant_prepare(tenant, batch.tenant)
    end
    local trunk = trunk_of(batch.trunk)
    local is_counted = batch.claimed + batch.live + batch.attempts > 0 -- fails where one is no number
    if tenant.log and trunk.log and is_counted then
      ground.last_us = math.min(NOW_US + late_us, window_shuts_ms(batch) * 1000 - 1) -- a later one is late, or shut out
      ground.on_trunk, ground.of_tenant, ground.of_batch = trunk.flying, tenant.flying, zset.of(key_flying('b', batch.id)).changed
      ground.logs = { trunk.log, tenant.log, begins.of('b', batch.id, batch.cps) }
    end
  end

  -- What fails here fails again for each call of the batch, in begin_one().
  local function ground_new(id)
    local is_found, batch = pcall(batch_load, check_id(id, 48, 'batch'))
    local ground = is_found and batch and { batch = batch, tenant = tenant_of(batch.tenant), n_begun = 0 } or false
    if ground then
      ground.dialing = ground.tenant.dialing
      pcall(ground_prepare, ground)
    end
    grounds[id] = ground
    return ground
  end

  -- The calls of a bucket.
  local function group_new(ground, bucket)
    local base, number = ground.batch.prefix, fmt(bucket)
    local state_key, attempts_key = base .. ':state:' .. number, base .. ':attempts:' .. number
    local group = { ground = ground, state_key = state_key, attempts_key = attempts_key, states = map.of(state_key),
      attempts = map.of(attempts_key), names = {}, n = 0 }
    ground[bucket] = group
    return group
  end

  local function group_all()
    local groups, size, claim_end = {}, BUCKET, CLAIM_END
    for i = 1, #calls do
      local call = calls[i]
      local ground = grounds[call.batch] or ground_new(call.batch)
      if ground then
        local name = call.name
        local bucket = (name - name % size) / size
        local group = ground[bucket]
        if not group then
          group = group_new(ground, bucket)
          groups[#groups + 1] = group
        end
        local n = group.n + 1
        group.n = n
        group.names[n] = name
        group[n] = call
        call.ground = ground
      end
      claims[i] = call.member .. claim_end
    end
    return groups
  end

  local FIRST_DIAL = '^phase=claimed a=0 d=1 w=(%S+) (q=(%d+) t=(%d+))(.*)$'
  local LATER_DIAL = '^phase=claimed a=(%d+) d=(%d+)[ l=%d]* w=(%S+) (q=(%d+) t=(%d+))(.*)$'
  local LINES_LONG = 640 -- of few lines, each of which has twenty characters at least
  local state_begun, line_begun = 'phase=live a=1 d=1 l=1 w=' .. worker .. ' ', 'd=1 a=1 q='

  -- What is left of the text when the next dial begins, where nobody has to look: the last outcome, and the claim's tail epoch.
  local function rest_begun(rest, caller)
    local left = rest:gsub(' [bhseugkyvmr]=%S+', ''):match('^ ?x?=?[%u_]* ?c?=?%d*$')
    return left and caller and left:gsub(' ?c?=?%d*$', ' m=' .. caller .. '%0', 1) or left
  end

  -- The number of a call that its first dial does not begin. It is ordinary all the same where it was given back or is tried again.
  local function read_later(call, text, lines, may_begin)
    local a, d, owner, place, slot, number, rest = text:match(LATER_DIAL)
    rest = rest and rest_begun(rest, call.caller)
    if may_begin and rest and owner == worker and #lines < LINES_LONG then
      a = fmt(a + 1)
      call.slot_us, call.number, call.rest, call.again = slot + 0, number, rest, a
      call.state = 'phase=live a=' .. a .. ' d=' .. d .. ' l=' .. d .. ' w=' .. worker .. ' ' .. place
      call.line = lines .. 'd=' .. d .. ' a=' .. a .. ' q=' .. slot
    end
    return number or text:match(' t=(%d+)')
  end

  -- Where it fails, begin_one() asks again for one call of the group, and fails too.
  local function group_read(group)
    local ground, names, states, attempts = group.ground, group.names, group.states, group.attempts
    local texts = redis.pcall('HMGET', group.state_key, unpack(names))
    local lines = redis.pcall('HMGET', group.attempts_key, unpack(names))
    if texts.err then
      return
    end
    local may_begin, match, known_states, known_lines = ground.logs and not lines.err, string.match, states.known, attempts.known
    local numbers, of_tenant = ground.tenant.numbers, ground.tenant.n
    for n = 1, group.n do
      local call, name, text, line = group[n], names[n], texts[n], lines[n]
      known_states[name] = text
      known_lines[name] = line
      if text then
        local owner, place, slot, number, rest = match(text, FIRST_DIAL)
        if may_begin and owner == worker and not line and (rest == '' or match(rest, '^ c=%d+$')) then
          call.slot_us = slot + 0
          call.number = number
          call.rest = call.caller and ' m=' .. call.caller .. rest or rest
          call.state = state_begun .. place
          call.line = line_begun .. slot
        else
          number = read_later(call, text, line or '', may_begin)
        end
        if number then
          of_tenant = of_tenant + 1
          numbers[of_tenant] = number
        end
        call.states = states.changed
        call.lines = attempts.changed
      end
    end
    ground.tenant.n = of_tenant
  end

  -- Which of the numbers are in the set.
  local function listed(key, numbers)
    local found = {}
    lists.has_any = true
    for i, is_member in ipairs(redis.call('SMISMEMBER', key, unpack(numbers))) do
      found[numbers[i]] = is_member == 1
    end
    return found
  end

  -- Most tenants have no list of their own.
  local function numbers_read()
    local everybody, keys = {}, {}
    for id, tenant in next, tenants do
      local numbers, dialing = tenant.numbers, tenant.dialing
      if tenant.n > 0 then
        keys[#keys + 1] = key_suppressed(id)
        local members = redis.pcall('HMGET', tenant.key, unpack(numbers))
        for i = 1, members.err and 0 or tenant.n do
          dialing[numbers[i]] = members[i]
        end
      end
    end
    if #keys == 0 then
      return
    end
    if redis.call('EXISTS', unpack(keys)) > 0 then
      for id, tenant in next, tenants do
        if tenant.n > 0 then
          tenant.on_list = listed(key_suppressed(id), tenant.numbers)
        end
      end
    end
    if redis.call('EXISTS', KEY_SUPPRESSED) > 0 then
      for _, tenant in next, tenants do
        for _, number in ipairs(tenant.numbers) do
          everybody[#everybody + 1] = number
        end
      end
      lists.everybody = listed(KEY_SUPPRESSED, everybody)
    end
  end

  local groups = group_all()
  for i = 1, #groups do
    group_read(groups[i])
  end
  numbers_read()
  leases = claims[1] and redis.call('ZMSCORE', KEY_CLAIMED, unpack(claims))
end

local function is_listed(tenant, number)
  return lists.everybody[number] or tenant.on_list[number]
end

-- ---- a call that is not begun ----

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
  if NOW_US - tonumber(call.q) > late_us then
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
  zset.drop(KEY_CLAIMED, member .. CLAIM_END)
  touch_lane(batch)
  return { 'suppressed' }
end

-- The logs of all that has a rate.
local function logs_of(batch)
  local trunk, tenant = resource_load('k', batch.trunk), resource_load('t', batch.tenant)
  return { begins.of('k', trunk.id, trunk.cps), begins.of('t', tenant.id, tenant.cps), begins.of('b', batch.id, batch.cps) }
end

-- The instant of the begin; or nil, why there is none, and when there may be (nil: at once).
local function reserve(batch, slot_us)
  local logs = logs_of(batch)
  local at_us = begins.earliest(logs, math.max(NOW_US, slot_us))
  local at_ms = math.floor(at_us / 1000)
  local reason = window_objection(batch, at_ms)
  if reason then
    return nil, reason, window_opening(batch, at_ms, at_ms)
  end
  if at_us - NOW_US > late_us then
    return nil, 'rate'
  end
  begins.add(logs, at_us, fmt(at_us))
  return at_us
end

-- Released for its rate, a call would get a slot again at once, and again, until the second has passed: the next slot of
-- whatever held it back lies where the log admits it.
local function await_rate(batch, slot_us)
  local at_us = math.max(NOW_US, slot_us)
  for kind, resource in pairs({ k = resource_load('k', batch.trunk), t = resource_load('t', batch.tenant), b = batch }) do
    local free_us = begins.of(kind, resource.id, resource.cps).free_us
    if free_us > at_us then
      resource.tat_us = math.max(resource.tat_us or 0, free_us)
      gaps.forget(resource)
    end
  end
end

-- ---- a call that is begun ----

local function begin(batch, call, member, begin_us, life_ms, caller)
  local begin_ms = math.floor(begin_us / 1000)
  local hard_ms = begin_ms + life_ms
  call.a, call.b, call.h = call.a + 1, fmt(begin_ms), fmt(hard_ms)
  call.l, call.s, call.e, call.u, call.g = call.d, nil, nil, nil, nil
  call.m, call.k, call.y, call.v = caller ~= '' and caller or nil, nil, nil, nil
  -- Where one of these three fails for what Redis holds, nothing says that the call was begun.
  batch_note_begun(batch)
  placed_note(batch, call, nil)
  attempt_log(batch, call, table.concat({ 'd=' .. fmt(call.d), 'a=' .. fmt(call.a), 'q=' .. call.q, 'b=' .. fmt(begin_us),
    'w=' .. worker }, ' '))
  zset.put(KEY_LIVE, member, math.min(begin_ms + post_ms, hard_ms))
  flying_set(batch, member, hard_ms)
  credit.reserve(batch, call)
  call_move(batch, call, 'begin')
  call_write(call)
  zset.drop(KEY_CLAIMED, member .. CLAIM_END)
  batch.attempts = batch.attempts + 1
  local trunk = resource_load('k', batch.trunk)
  if trunk.breaker_until_ms then
    breaker.begin_probe(trunk, member, begin_ms + post_ms)
  end
end

local function answer_begun(begin_us, call)
  return { 'begun', fmt(begin_us), fmt(call.a), call.r and fmt(call.r) }
end

-- Any call, the `i`th that is asked about.
local function begin_one(i)
  local asked, lease = calls[i], tonumber(leases[i] or nil)
  local batch = batch_load(asked.batch)
  if not batch then
    return { 'gone', 'batch' }
  end
  local call = call_read(batch, tonumber(asked.name))
  local member = call_member(batch, call)
  local dial, life_ms, caller = unpack(ARGV, FIRST + FIELDS * i - 3, FIRST + FIELDS * i - 1)
  local slot_us = tonumber(call.q)
  dial = tonumber(dial)
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
  local reason = objection(batch, call, member, lease)
  if reason then
    return refuse(batch, call, reason)
  end
  if is_listed(asked.ground.tenant, call.t) then
    return suppress(batch, call, member)
  end
  if credit.is_short(batch) then
    local answer = refuse(batch, call, 'credits')
    credit.pause(batch)
    return answer
  end
  local begin_us, why_not, again_ms = reserve(batch, slot_us)
  if not begin_us then
    local answer = refuse(batch, call, why_not, again_ms)
    await_rate(batch, slot_us)
    return answer
  end
  begin(batch, call, member, begin_us, tonumber(life_ms), caller)
  return answer_begun(begin_us, call)
end

-- ---- the straight way, of ordinary calls ----
-- A call is ordinary, as nearly all are, whose text is of the usual form: what is written of it follows from that by a pattern,
-- and there is nothing to reserve, to look for and to put back beside it. Its batch, its tenant and its trunk have been found
-- good for that once for all of their calls. Whatever stands against it, begin_one() says.

-- What calls have in common that begin at one instant, and may live as long.
local function instant_new(begin_us, life_ms)
  local text = fmt(begin_us)
  local begin_ms = text:sub(1, -4)
  local hard_ms = begin_ms + life_ms
  return { text = text, begin_ms = begin_ms, hard_ms = hard_ms, check_ms = math.min(begin_ms + post_ms, hard_ms),
    state = ' b=' .. begin_ms .. ' h=' .. fmt(hard_ms), line = ' b=' .. text .. ' w=' .. worker .. '\n',
    answer = { 'begun', text, '1' } }
end

-- What the call has of its tenant's credit, as text.
local function take_credit(batch)
  local call = {}
  credit.reserve(batch, call)
  return call.r and fmt(call.r)
end

local reply = { fmt(NOW_US) }

local function begin_together()
  local now_us, now_ms, earliest_us, earliest, add = NOW_US, NOW_MS, NOW_US - late_us, begins.earliest, begins.add
  local live, claimed, of_claims, of_leases = zset.of(KEY_LIVE).changed, zset.of(KEY_CLAIMED), claims, leases
  local has_lists, at, at_us, life_ms = lists.has_any, nil, nil, nil
  claimed.has_drops, claimed = true, claimed.changed
  for i = 1, #calls do
    local call, lease = calls[i], of_leases[i]
    local slot_us, ground, number, member, name = call.slot_us, call.ground, call.number, call.member, call.name
    local begin_us
    if slot_us and lease and lease - now_ms > 0 and slot_us >= earliest_us and ground.dialing[number] == member
      and not call.states[name] and not (has_lists and is_listed(ground.tenant, number))
      and not (ground.tenant.has_limit and credit.is_short(ground.batch)) then
      begin_us = earliest(ground.logs, slot_us > now_us and slot_us or now_us)
    end
    if not begin_us or begin_us > ground.last_us then
      reply[i + 1] = begin_one(i)
    else
      if begin_us ~= at_us or call.life_ms ~= life_ms then
        at_us, life_ms = begin_us, call.life_ms
        at = instant_new(at_us, life_ms)
      end
      local hard_ms, credit_s = at.hard_ms, ground.tenant.has_limit and take_credit(ground.batch)
      add(ground.logs, begin_us, at.text)
      local n_begun = ground.n_begun + 1
      if n_begun == 1 then
        batch_note_begun(ground.batch) -- before the rest, as in begin()
      end
      if call.caller then
        placed_put(number, member, at.begin_ms)
      end
      live[member] = at.check_ms
      ground.on_trunk[member] = hard_ms
      ground.of_tenant[member] = hard_ms
      ground.of_batch[member] = hard_ms
      call.states[name] = call.state .. at.state .. call.rest .. (credit_s and ' r=' .. credit_s or '')
      call.lines[name] = call.line .. at.line
      claimed[of_claims[i]] = false
      ground.n_begun = n_begun
      reply[i + 1] = (call.again or credit_s) and { 'begun', at.text, call.again or '1', credit_s or nil } or at.answer
    end
  end
end

-- What they share is counted once, for all of them.
local function count_begun()
  for _, ground in next, grounds do
    if ground and ground.n_begun > 0 then
      local batch, n = ground.batch, ground.n_begun
      batch.claimed, batch.live, batch.attempts = batch.claimed - n, batch.live + n, batch.attempts + n
    end
  end
end

-- Passed over for what it holds, as torn.answer() does: the calls' ends tell of it.
local function write()
  commit({}, true)
end

-- What pcall() caught; a right that the user lacks ends the script. Nothing holds that was not written yet.
local function undo(why)
  why = type(why) == 'table' and why.err or tostring(why)
  if why:match("user executing the script can't ") then
    fail(why)
  end
  zset.discard()
  return why
end

-- One of them failed, perhaps half done: each has a commit() of its own, or an error.
local function begin_one_by_one()
  for i = 1, #calls do
    local is_done, answer = pcall(begin_one, i)
    if is_done then
      write()
    else
      answer = { 'refused', undo(answer) }
    end
    reply[i + 1] = answer
  end
end

local is_done, why = pcall(begin_together)
if is_done then
  count_begun()
  write()
else
  undo(why)
  begin_one_by_one()
end
return reply
