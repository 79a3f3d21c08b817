#!lua
-- Hands a worker calls to dial, each with the instant (its slot) at which it may start, up to a short horizon ahead.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2]  request id: the same id again answers the same calls (a lost reply costs nothing)
-- ARGV[3]  most calls (1..64)
-- ARGV[4]  most steps (1..400): promotions, visits and slots together, each, and a batch that is read for one of them as three
--          more, its first slot as seven; the bound of the script's work
-- ARGV[5]  horizon, us
-- ARGV[6]  lease after the slot, ms
-- ARGV[7]  the same for a call in doubt, which is looked up before it is begun
-- Returns  {now us, next ms or "" (when a claim is worth while again), is more work due inside the horizon (0|1),
--           limit, lag ms,
--           {batch, ordinal, dial, slot us, attempts charged, contact record, first dial in doubt or "", tail's end ms,
--           tail's start ms (lib/epoch.lua), of a call in doubt the starts of earlier tails, ms}, ...}. A closed cell hands out nothing before it opens, and says when that is; one
--           that an operator stopped hands out nothing
--           limit: what kept the claim from bringing more: "calls" and "steps" (its own bounds), "trunk_full", "tenant_full",
--           "batch_full", "trunk_rate", "tenant_rate", "batch_rate", "window", "number" (it is on another call), "tenant_stopped",
--           "trunk_held" (its platform fails, or asked for a pause),
--           "due" (nothing is due before the horizon), "nothing" (no trunk has work that may begin), "stopped" and "closed" (the
--           cell), "torn" (see below); "" where the request came again. lag: how long what was due first has waited for a claim.
--           Behind the calls {"poison", batch, why} and {"torn", what, why} of what was set aside
-- Errors   ERR_INVALID
-- Bound    O(steps * log n); at most 64 calls; 100 commands, and 80 for each call
--
-- A small discrete-event loop. Each trunk has a frontier f, which starts at its first free instant; the trunk whose is the
-- least is served. Flows due by f move from waiting to turn; the flow with the least virtual time is taken; its lanes
-- due by f move from waiting to ready; its first ready lane gets the slot f, a due retry before the next fresh call. f moves
-- on by the trunk's interval or, when nobody is eligible, to the next waiting time. Only what is due by the frontier is ever
-- promoted, so no window of candidates can hide anyone. Slots are given in order of time on all trunks together: a tenant's
-- pace counts those of its flows so, and one given far ahead on one trunk would keep it from all before it on the others.
-- The gaps that f leaves where it moves past idle time are for those who come later (lib/gaps.lua). On a trunk so fast that each
-- of its flows has many turns a second, a turn is several slots in a row for one lane: calls of one batch share most of what
-- they cost, here and in all that follows.
--
-- Where something cannot be made use of for what Redis holds of it, nothing of this claim is done, and what it was at is set
-- aside: a batch pauses itself, a flow or a trunk is looked at again ASIDE_MS later. The next claim goes on with the others.
-- @include lib/agenda.lua
-- @include lib/gaps.lua
-- @include lib/contact.lua
-- @include lib/epoch.lua
-- @include lib/aside.lua

-- What is to be known of calls that are not ordinary, made for the first of them.
local function make_calls()
-- @include lib/call.lua
return { new = call_new, read = call_read, move = call_move, write = call_write, member = call_member, hold = number_hold,
  end_unread = call_end_unread }
end

local calls_made
local function of_call(what)
  calls_made = calls_made or make_calls()
  return calls_made[what]
end

-- A function for the sake of room for its locals; what is in it stands at the left margin, for embed.py.
local function claim()
local epoch = epoch_load()
batch_wants({ 'state', 'tenant', 'trunk', 'sealed', 'priority', 'interval_us', 'max_concurrent', 'start_ms', 'total',
  'cursor', 'tat_us', 'due', 'claimed', 'live', 'dials', 'hours', 'expires_ms', 'expired_ms',
  unpack(epoch.tail > 0 and { 'tail_epoch', 'tail_cursor' } or {}) })
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local worker = check_id(ARGV[1], 64, 'worker')
local request = check_id(ARGV[2], 64, 'request')
local max_calls = min(check_number(ARGV[3], 'calls'), 64)
local max_steps = min(check_number(ARGV[4], 'steps'), 400)
local horizon_us = check_number(ARGV[5], 'horizon')
local lease_ms = check_number(ARGV[6], 'lease')
local doubt_lease_ms = check_number(ARGV[7], 'lease of a doubt')
local limit_us = NOW_US + horizon_us
local closed_ms = epoch.closed_until_ms
local REPLAY_MS = 60000
local LOAD_STEPS, SLOT_STEPS = 3, 7 -- to read a batch, and to write it, its lane and its flow with the first slot of it

on_commit(function()
  additions.flush('HSET') -- behind what the batches count
end)

local reply = { fmt(NOW_US), '', 0, '', 0 }
local steps, calls = 0, 0
local limit, lane_limit = 'nothing', nil -- what was met last, and of the lanes that wait
local issued = { request }
local hand = {} -- the trunk, the tenant and the batch that the claim is at, by their ids

local TAIL, TAIL_FROM = fmt(epoch.tail_ms), fmt(epoch.tail_from_ms)
local function answer_row(batch_id, call, slot, record)
  return { batch_id, call.name, fmt(call.d), slot, fmt(call.a), record, call.f and fmt(call.f) or '', TAIL, TAIL_FROM,
    call.f and epoch_earlier() }
end

local function next_ms()
  local trunk_id, due_ms = zset.head(KEY_TRUNKS)
  if not trunk_id or epoch.is_stopped then
    return '', 0
  end
  local at_ms = max(due_ms, closed_ms)
  return fmt(at_ms), at_ms * 1000 <= limit_us and 1 or 0
end

-- ---- the same request again: answer what is still claimed by it ----
local replay_key = P .. 'claim:' .. worker
local stored = redis.call('GET', replay_key)
if stored and stored:match('^%S+') == request then
  for member, slot, attempts in stored:gmatch('(%S+/%S+) (%d+) (%d+)') do
    if zset.score(KEY_CLAIMED, member) then
      pcall(function() -- or its lease gives it back
        local batch_id, ordinal = member:match('^([^/]+)/(%d+)/')
        local record = map.get(key_bucket(batch_id, 'contacts', ordinal), ordinal)
        local call = of_call('read')({ prefix = key_batch(batch_id) }, tonumber(ordinal))
        call.a = tonumber(attempts)
        reply[#reply + 1] = answer_row(batch_id, call, slot, record or '')
      end)
    end
  end
  reply[2], reply[3] = next_ms()
  return reply
end

-- ---- what the claim is at: trunks and tenants with what it needs of them, flows, lanes ----
local trunks, claimed = agenda.of(KEY_TRUNKS), additions.to('ZADD', KEY_CLAIMED)
local tenants, tenants_woken_us, lanes = {}, {}, {}
local flows_ahead, lanes_ahead = {}, {} -- when what was promoted for an instant that lies ahead, and not served since, is due

local function trunk_open(trunk)
  local id = trunk.id
  trunk.waiting, trunk.turn = agenda.of(key_flows_waiting(id)), agenda.of(key_flows_turn(id))
  trunk.vts, trunk.flows, trunk.flying = key_flows_vt(id), {}, additions.to('ZADD', key_flying('k', id))
end

local function tenant_load(id)
  local tenant = resource_load('t', id)
  tenants[id] = tenant or false
  if tenant then
    if tenants_woken_us[id] then
      gaps.wake(tenant, tenants_woken_us[id])
    end
    gaps.clip(tenant, horizon_us)
    tenant.charge_vt, tenant.flying = floor(VT_UNIT / tenant.weight), additions.to('ZADD', key_flying('t', id))
    tenant.dialing, tenant.is_dialed = key_dialing(id), {}
    tenant.dialed = additions.to('HSET', tenant.dialing)
  end
  return tenant
end

-- vt: its virtual time while it has its turn; left_vt: the one with which it left, false where it came back, nil where this claim
-- has changed nothing.
local function flow_of(trunk, tenant_id)
  local flow = trunk.flows[tenant_id]
  if not flow then
    flow = { id = tenant_id }
    trunk.flows[tenant_id] = flow
  end
  return flow
end

-- nil where there is no such tenant.
local function flow_open(trunk, flow)
  local tenant = tenants[flow.id]
  if tenant == nil then
    tenant = tenant_load(flow.id)
  end
  if tenant then
    flow.tenant, flow.waiting, flow.ready = tenant, agenda.of(key_lanes_waiting(trunk.id, flow.id)),
      agenda.of(key_lanes_ready(trunk.id, flow.id))
  end
  return tenant or nil
end

-- Until when the lane's fresh contacts may begin at once, as most may: visit_ordinary() needs to look at little. 0 where none may,
-- or some are in doubt.
local function lane_ordinary_until_ms(batch)
  if (batch.state ~= 'processing' and batch.state ~= 'pending') or batch.start_ms > NOW_MS
    or (epoch.tail > 0 and (batch.tail_epoch ~= epoch.tail or batch.cursor < batch.tail_cursor)) then
    return 0
  end
  return window_shuts_ms(batch)
end

-- false where there is no such batch.
local function lane_load(id)
  local lane = lanes[id]
  if lane == nil then
    hand.batch = id:match('^([^/]+)/')
    local batch = hand.batch and batch_load(hand.batch)
    steps = steps + LOAD_STEPS
    lane = batch and { id = id, batch = batch, score = lane_score(batch), ordinary_until_ms = lane_ordinary_until_ms(batch),
      flying = additions.to('ZADD', key_flying('b', batch.id)), prefix = batch.id .. '/', looked_to = 0 }
    lanes[id] = lane or false
  else
    hand.batch = lane and lane.batch.id
  end
  return lane
end

-- ---- turns: a flow has PER_S of them a second before each is more than one slot, of MOST ----
local turns = { PER_S = 16, MOST = 8 }

-- How many slots a turn on the trunk is. What waits for its pace or its work counts too: it may come any time.
function turns.slots(trunk)
  if not trunk.turn_slots then
    local flows = redis.call('ZCARD', trunk.turn.key) + redis.call('ZCARD', trunk.waiting.key)
    trunk.turn_slots = max(1, min(floor(1000000 / (trunk.interval_us * turns.PER_S * max(flows, 1))), turns.MOST))
  end
  return trunk.turn_slots
end

-- The least virtual time of who comes: as much behind whoever is served as a turn is more than one slot. Who comes for one slot
-- at a time, by a pace of its own, would lose it where it waited for whole turns of all the others.
function turns.floor(trunk)
  return trunk.vfloor - (turns.slots(trunk) - 1) * VT_UNIT
end

-- ---- promotions ----

local function promote_flows(trunk, f_ms)
  local waiting, turn = trunk.waiting, trunk.turn
  local tenant_id, at_ms = agenda.head(waiting)
  local first = steps
  while tenant_id and at_ms <= f_ms and (steps < max_steps or steps == first) do
    hand.tenant = tenant_id
    local tenant, flow = tenants[tenant_id], flow_of(trunk, tenant_id)
    if tenant then
      gaps.wake(tenant, at_ms * 1000)
    else
      tenants_woken_us[tenant_id] = at_ms * 1000
    end
    flows_ahead[flow] = at_ms > NOW_MS and at_ms or nil
    local vt = flow.left_vt or tonumber(map.get(trunk.vts, tenant_id) or 0) or 0
    flow.trunk, flow.left_vt = trunk, false
    agenda.put(turn, tenant_id, max(vt, turns.floor(trunk)))
    agenda.shift(waiting, tenant_id)
    steps = steps + 1
    tenant_id, at_ms = agenda.head(waiting)
  end
end

local function promote_lanes(flow, f_us)
  local waiting, ready = flow.waiting, flow.ready
  local id, at_ms = agenda.head(waiting)
  local first = steps
  while id and at_ms * 1000 <= f_us and (steps < max_steps or steps == first) do
    local lane = lane_load(id)
    if lane then
      gaps.wake_lane(lane, at_ms * 1000, f_us)
      agenda.put(ready, id, lane.score)
      lane.ready, lane.waiting = ready, waiting
      lanes_ahead[lane] = at_ms > NOW_MS and at_ms or nil
    end
    agenda.shift(waiting, id)
    steps = steps + 1
    hand.batch = nil
    id, at_ms = agenda.head(waiting)
  end
end

-- ---- the turn ----

-- How many more slots the turn is.
function turns.left(trunk)
  trunk.turn_left = trunk.turn_left or turns.slots(trunk)
  return trunk.turn_left
end

-- The lane has had `n` slots of its turn. True where it stays in front: there is more to dial, its pace admits the trunk's next
-- slot, and that is its as well, unless something keeps it; or its turn is over, and no other lane of the flow is ready.
function turns.goes_on(trunk, flow, lane, n)
  trunk.turn_left = turns.left(trunk) - n
  local batch, is_over = lane.batch, trunk.turn_left <= 0
  if batch.tat_us > trunk.tat_us or not (batch.cursor < batch.total or lane_due_ms(batch))
    or is_over and (turns.slots(trunk) == 1 or not agenda.is_alone(flow.ready, lane.id)) then
    return false
  end
  trunk.turn_of, lanes_ahead[lane] = not is_over and flow or nil, nil
  return true
end

-- How many slots the turn may be, one of which the lane has just had, and before which instant no other lane or flow is due.
function turns.bounds(trunk, flow, lane)
  local _, lane_ms = agenda.head(flow.waiting)
  local _, flow_ms = agenda.head(trunk.waiting)
  return min(turns.left(trunk), trunk.room, flow.tenant.room, lane.batch.room, max_calls - calls + 1, max_steps - steps + 1),
    min(lane_ms or math.huge, flow_ms or math.huge) * 1000
end

-- The flow that was served last stays in front until its turn is over.
function turns.settle(trunk)
  local flow = trunk.served
  if flow then
    trunk.served = nil
    if not flow.left_vt then
      agenda.defer(trunk.turn, flow.id, flow.vt)
    end
  end
end

-- The flow whose turn goes on, unless another is due, or begins; nil where none is eligible by `f_ms`.
function turns.next(trunk, f_ms)
  local flow = trunk.turn_of
  if flow then
    trunk.turn_of = nil
    local _, due_ms = agenda.head(trunk.waiting)
    if not due_ms or due_ms > f_ms then
      return flow
    end
  end
  turns.settle(trunk)
  promote_flows(trunk, f_ms)
  local tenant_id, vt = agenda.head(trunk.turn)
  if not tenant_id then
    return nil
  end
  flow = flow_of(trunk, tenant_id)
  flow.vt, trunk.turn_left, trunk.vfloor = vt, nil, max(trunk.vfloor, vt)
  return flow
end

-- ---- giving a slot ----

-- The flow that has its turn leaves it, and keeps its virtual time for when it comes back.
local function flow_leave(trunk, flow)
  agenda.shift(trunk.turn, flow.id)
  flow.left_vt = flow.vt
end

local function flow_leave_if_empty(trunk, flow)
  if not agenda.head(flow.waiting) and not agenda.head(flow.ready) then
    flow_leave(trunk, flow)
    agenda.drop(trunk.waiting, flow.id)
    zset.drop(key_parked_flows(flow.id), trunk.id)
  end
end

-- The lane is done with for this instant: back among the waiting by its pace, its work and its window, or out where none
-- is left.
local function lane_pass(trunk, flow, lane, f_us)
  local batch, f_ms = lane.batch, floor(f_us / 1000)
  local paced_ms = ceil((batch.tat_us or 0) / 1000)
  local at = max(batch.start_ms, paced_ms)
  if batch.cursor >= batch.total or max(at, f_ms) >= lane.ordinary_until_ms then
    at = lane_opening_ms(batch, f_ms)
  end
  agenda.shift(flow.ready, lane.id)
  if at then
    agenda.put(flow.waiting, lane.id, at)
    lane_limit = at == paced_ms and 'batch_rate' or 'due'
  else
    flow_leave_if_empty(trunk, flow)
  end
end

-- The call in `row`, which is answered, holds its number and its places until `lease`.
local function give_slot(trunk, flow, lane, row, member, number, lease, slot_us)
  local tenant, batch, holder = flow.tenant, lane.batch, member .. '/' .. worker
  local of_trunk, of_tenant, of_batch, dialed = trunk.flying, tenant.flying, lane.flying, tenant.dialed
  local n = #claimed
  claimed[n + 1], claimed[n + 2] = lease, holder
  n = #of_trunk
  of_trunk[n + 1], of_trunk[n + 2] = lease, member
  n = #of_tenant
  of_tenant[n + 1], of_tenant[n + 2] = lease, member
  n = #of_batch
  of_batch[n + 1], of_batch[n + 2] = lease, member
  n = #dialed
  dialed[n + 1], dialed[n + 2], tenant.is_dialed[number] = number, member, true
  lane.is_in_gap = gaps.take(trunk, slot_us)
  gaps.take(tenant, slot_us)
  batch.tat_us = pace_next(not lane.is_idle and batch.tat_us or nil, slot_us, batch.interval_us)
  lane.is_idle = nil
  calls = calls + 1
  n = #issued
  reply[5 + calls], issued[n + 1], issued[n + 2], issued[n + 3] = row, holder, row[4], row[5]
end

-- What the lane's next slots use of everybody's room and of the flow's time. A batch's first costs more steps.
local function use_slots(trunk, flow, lane, n)
  local tenant, batch = flow.tenant, lane.batch
  trunk.room, tenant.room, batch.room = trunk.room - n, tenant.room - n, batch.room - n
  tenant.served_on, tenant.is_wanted = trunk.id, false
  flow.vt, trunk.served = flow.vt + n * tenant.charge_vt, flow
  flows_ahead[flow] = nil
  limit = 'trunk_rate' -- unless something else is met before the horizon
end

local function meet_batch(lane)
  if not lane.is_served then
    lane.is_served = true
    steps = steps + SLOT_STEPS
  end
end

local function number_is_busy(tenant, number)
  return tenant.is_dialed[number] or map.get(tenant.dialing, number)
end

local state_known = {} -- by key
local function state_check(key)
  if not state_known[key] then
    state_known[key] = redis.call('HLEN', key) -- fails where it is none, before it is written to
  end
end

-- ---- a fresh contact of an ordinary lane ----

-- Reads the lane's next contacts, and whether their numbers are on a call: as many as its turn may be, or from its second slot on as
-- many as it may have before the horizon. Of many slow batches most get one.
local function look_ahead(trunk, flow, lane, ordinal, f_us)
  local batch, dialing, most = lane.batch, flow.tenant.dialing, 1
  if batch.interval_us <= trunk.interval_us then
    most = turns.left(trunk)
  end
  if most == 1 and lane.is_served then
    most = min(turns.MOST, floor((limit_us - f_us) / max(batch.interval_us, trunk.interval_us)) + 1)
  end
  local bucket = floor(ordinal / BUCKET)
  if lane.bucket ~= bucket then
    local name = fmt(bucket)
    lane.bucket, lane.contacts, lane.state_key = bucket, batch.prefix .. ':contacts:' .. name, batch.prefix .. ':state:' .. name
    state_check(lane.state_key)
    lane.states = additions.to('HSET', lane.state_key)
  end
  local last = most > 1 and min(ordinal + min(most, max_calls - calls), batch.total, (bucket + 1) * BUCKET) - 1 or ordinal
  lane.looked_from, lane.looked_to = ordinal - 1, last + 1
  if last == ordinal then
    local name = fmt(ordinal)
    local record = redis.call('HGET', lane.contacts, name)
    local number = contact_phone(record) or ''
    lane.names, lane.records, lane.numbers, lane.busy = { name }, { record }, { number }, { redis.call('HGET', dialing, number) }
    return
  end
  local names, numbers, n = {}, {}, 0
  for at = ordinal, last do
    n = n + 1
    names[n] = fmt(at)
  end
  local records = redis.call('HMGET', lane.contacts, unpack(names))
  for i = 1, n do
    numbers[i] = contact_phone(records[i]) or ''
  end
  lane.names, lane.records, lane.numbers, lane.busy = names, records, numbers, redis.call('HMGET', dialing, unpack(numbers))
end

-- Which of what was looked at is the lane's next contact, where that may take the slot at once.
local function fresh_contact(trunk, flow, lane, ordinal, f_us)
  local batch = lane.batch
  if ordinal >= batch.total or (batch.tat_us and batch.tat_us > f_us) then
    return nil
  end
  if ordinal >= lane.looked_to then
    look_ahead(trunk, flow, lane, ordinal, f_us)
  end
  local at = ordinal - lane.looked_from
  local number = lane.numbers[at]
  return number ~= '' and not lane.busy[at] and not flow.tenant.is_dialed[number] and at or nil
end

local CLAIMED_BY, CLAIMED_IN = 'phase=claimed a=0 d=1 w=' .. worker .. ' q=', epoch.tail > 0 and ' c=' .. fmt(epoch.tail) or ''

-- Slots one after the other from `f_us` on for the next contacts of an ordinary lane, until its turn is over, or something is met
-- that the loop is to see. nil where there is none: visit_lane() does what is to be done. Else the last of them.
local function visit_ordinary(trunk, flow, lane, f_us, until_us)
  local batch, tenant, first = lane.batch, flow.tenant, lane.batch.cursor
  local _, retry_ms = lane_retry(batch)
  local fresh_until_us = min(lane.ordinary_until_ms, retry_ms or math.huge) * 1000
  if f_us >= fresh_until_us or trunk.breaker_until_ms or room('b', batch) <= 0 then
    return nil
  end
  pace_clip(batch, horizon_us)
  local ordinal, at = first, fresh_contact(trunk, flow, lane, first, f_us)
  local slot_us
  if not at then
    return nil
  end
  meet_batch(lane)
  local lease, lease_to_us = nil, 0 -- the same for all of a millisecond
  local most, before_us
  repeat
    if f_us >= lease_to_us then
      local f_ms = floor(f_us / 1000)
      lease, lease_to_us = fmt(f_ms + lease_ms), (f_ms + 1) * 1000
    end
    local name, slot, number, states = lane.names[at], fmt(f_us), lane.numbers[at], lane.states
    local n = #states
    states[n + 1], states[n + 2] = name, CLAIMED_BY .. slot .. ' t=' .. number .. CLAIMED_IN
    give_slot(trunk, flow, lane, { batch.id, name, '1', slot, '0', lane.records[at], '', TAIL, TAIL_FROM },
      lane.prefix .. name .. '/1', number, lease, f_us)
    at, slot_us, ordinal = nil, f_us, ordinal + 1
    f_us = gaps.earliest(trunk, slot_us)
    if f_us >= batch.tat_us and f_us <= until_us then
      if not most then
        most, before_us = turns.bounds(trunk, flow, lane)
        before_us = min(before_us, fresh_until_us)
      end
      if ordinal - first < most and f_us < before_us and (f_us >= tenant.tat_us or gaps.earliest(tenant, f_us) == f_us) then
        at = fresh_contact(trunk, flow, lane, ordinal, f_us)
      end
    end
  until not at
  local taken = ordinal - first
  steps = steps + taken - 1
  batch.cursor, batch.dials, batch.due, batch.claimed = ordinal, batch.dials + taken, batch.due - taken, batch.claimed + taken
  use_slots(trunk, flow, lane, taken)
  if not turns.goes_on(trunk, flow, lane, taken) then
    lane_pass(trunk, flow, lane, slot_us)
  end
  return slot_us
end

-- ---- any call of any lane ----

-- The number of the call's next dial: one that none of its dials ever had, since a number makes one token.
local function take_number(batch, call)
  call.d, call.i = max(call.d, call.i or 0) + 1, nil
  batch.dials = batch.dials + 1
end

local function take_slot(trunk, flow, lane, call, number, record, slot_us)
  local batch = lane.batch
  take_number(batch, call)
  call.w, call.q, call.t, call.n, call.z, call.p = worker, fmt(slot_us), number, nil, nil, nil
  call.c = epoch.tail > 0 and epoch.tail or nil
  of_call('move')(batch, call, 'claim')
  of_call('write')(call)
  local member, lease = of_call('member')(batch, call), floor(slot_us / 1000) + (call.f and doubt_lease_ms or lease_ms)
  meet_batch(lane)
  give_slot(trunk, flow, lane, answer_row(batch.id, call, call.q, record), member, number, fmt(lease), slot_us)
  use_slots(trunk, flow, lane, 1)
  if trunk.breaker_until_ms then
    breaker.begin_probe(trunk, member, lease)
  end
end

-- The next call of the lane by `f_ms`: a due retry, else the next fresh contact. Takes it off where it lay.
local function lane_next_call(batch, f_ms)
  local ordinal, due_ms = lane_retry(batch)
  if ordinal and due_ms <= f_ms then
    zset.drop(key_retry(batch.id), ordinal)
    local call = of_call('read')(batch, tonumber(ordinal))
    tail_doubt_retry(batch, call, due_ms)
    return call
  end
  if batch.cursor < batch.total and batch.start_ms <= f_ms then
    local call = of_call('new')(batch, batch.cursor)
    state_check(call.state_key)
    tail_doubt_fresh(batch, call)
    batch.cursor = batch.cursor + 1
    return call
  end
  return nil
end

-- One visit of a ready lane: it parks, waits for its pace or its window, holds a busy number, or takes the slot. nil where
-- it did not.
local function visit_lane(trunk, flow, lane, f_us)
  local batch = lane.batch
  if batch.state == 'scheduled' then
    batch_move(batch, 'start')
  end
  if window_objection(batch, floor(f_us / 1000)) then
    lane_pass(trunk, flow, lane, f_us)
    limit, lane_limit = 'window', 'window'
    return nil
  end
  if room('b', batch) <= 0 then
    limit = 'batch_full'
    lane_park(batch, lane.id)
    agenda.shift(flow.ready, lane.id)
    flow_leave_if_empty(trunk, flow)
    return nil
  end
  pace_clip(batch, horizon_us)
  if batch.tat_us and batch.tat_us > f_us then
    lane_pass(trunk, flow, lane, f_us)
    return nil
  end
  local call = lane_next_call(batch, floor(f_us / 1000))
  if not call then
    lane_pass(trunk, flow, lane, f_us)
    return nil
  end
  local record = map.get(batch.prefix .. ':contacts:' .. call.bucket, call.name)
  local number = contact_phone(record)
  if not number then
    take_number(batch, call)
    of_call('end_unread')(batch, call, 'contact_unreadable')
    lane_pass(trunk, flow, lane, f_us)
    return nil
  end
  if number_is_busy(flow.tenant, number) then
    if call.f then
      of_call('write')(call) -- what is known of it, since it leaves the place that told so
    end
    limit = 'number'
    of_call('hold')(batch, call, number, floor(f_us / 1000))
    if not lane_due_ms(batch) then
      lane_pass(trunk, flow, lane, f_us)
    end
    return nil
  end
  take_slot(trunk, flow, lane, call, number, record, f_us)
  if not turns.goes_on(trunk, flow, lane, 1) then
    lane_pass(trunk, flow, lane, f_us)
  end
  return f_us
end

-- ---- the loop ----

-- A flow waits for a place in its tenant's own rate. Whichever of the tenant's flows had the last one lets it by: where both
-- wait for the same instant, one trunk would have them all, and the tenant's batches on the other would never begin.
local function await_tenant(trunk, flow, at_ms)
  local tenant = flow.tenant
  local had = tenant.served_on
  agenda.put(trunk.waiting, flow.id, had == trunk.id and tenant.is_wanted and at_ms + 1 or at_ms)
  flow_leave(trunk, flow)
  if had and had ~= trunk.id then
    tenant.is_wanted = true
    local waiting = resource_load('k', had).waiting
    if agenda.score(waiting, flow.id) == at_ms then
      agenda.put(waiting, flow.id, at_ms + 1)
    end
  end
end

-- Trunks are served in order of milliseconds: within one, the tenant may have had a slot on another that lies ahead of this one's
-- by less. Its turn is not lost for that, and the trunk makes up for it (pace_next).
local function is_near(trunk, f_us, free_us)
  return free_us - f_us <= min(trunk.interval_us, gaps.LEAST_US) and free_us <= limit_us
    and gaps.earliest(trunk, free_us) == free_us
end

-- One visit of the flow whose turn it is. The last slot that was taken; nil where none was.
local function visit_flow(trunk, flow, f_us, until_us)
  hand.tenant, hand.batch = flow.id, nil
  local tenant = flow.tenant or flow_open(trunk, flow)
  if not tenant then
    agenda.shift(trunk.turn, flow.id)
    return nil
  end
  if tenant.state ~= 'active' or room('t', tenant) <= 0 then
    zset.put(key_parked_flows(flow.id), trunk.id, NOW_MS)
    zset.put(KEY_PARKED, 't/' .. flow.id, NOW_MS)
    flow_leave(trunk, flow)
    limit = tenant.state == 'active' and 'tenant_full' or 'tenant_stopped'
    return nil
  end
  local free_us = gaps.earliest(tenant, f_us)
  if free_us > f_us and is_near(trunk, f_us, free_us) then
    f_us = free_us
  end
  if free_us > f_us then
    await_tenant(trunk, flow, ceil(free_us / 1000))
    limit = 'tenant_rate'
    return nil
  end
  promote_lanes(flow, f_us)
  local lane_id = agenda.head(flow.ready)
  if lane_id then
    local lane = lane_load(lane_id)
    if lane then
      return visit_ordinary(trunk, flow, lane, f_us, until_us) or visit_lane(trunk, flow, lane, f_us)
    end
    agenda.shift(flow.ready, lane_id)
    return nil
  end
  local following, following_ms = agenda.head(flow.waiting)
  if following then
    limit = lane_limit or 'due'
    agenda.put(trunk.waiting, flow.id, ceil(gaps.earliest(tenant, following_ms * 1000) / 1000))
  end
  flow_leave(trunk, flow)
  return nil
end

-- Serves one trunk until its frontier is past the next one's, or past the horizon, a bound is met, or it is full.
local frontiers_us = {}
local function serve_trunk(trunk_id)
  hand.trunk, hand.tenant, hand.batch = trunk_id, nil, nil
  local trunk = resource_load('k', trunk_id)
  agenda.shift(trunks, trunk_id)
  if not trunk or trunk.state ~= 'active' or trunk.held then
    return
  end
  if not trunk.flows then
    trunk_open(trunk)
  end
  gaps.clip(trunk, horizon_us)
  local _, following_ms = agenda.head(trunks)
  local until_us = min(limit_us, (following_ms or math.huge) * 1000)
  local f_us = frontiers_us[trunk_id] or gaps.earliest(trunk, max(NOW_US, closed_ms * 1000,
    trunk.hold_until_ms * 1000, (trunk.breaker_until_ms or 0) * 1000))
  if max(trunk.hold_until_ms, trunk.breaker_until_ms or 0) * 1000 > limit_us then
    limit = 'trunk_held'
  end
  while f_us <= until_us and steps < max_steps and calls < max_calls do
    steps = steps + 1
    hand.tenant, hand.batch = nil, nil
    local flow = turns.next(trunk, floor(f_us / 1000))
    if flow then
      if room('k', trunk) <= 0 then
        trunk.held = 'full'
        zset.put(KEY_PARKED, 'k/' .. trunk_id, NOW_MS)
        limit = 'trunk_full'
        return
      end
      local slot_us = visit_flow(trunk, flow, f_us, until_us)
      if slot_us then
        f_us = gaps.earliest(trunk, max(slot_us, (trunk.breaker_until_ms or 0) * 1000))
      end
    else
      local following, at_ms = agenda.head(trunk.waiting)
      if limit == 'trunk_rate' or limit == 'nothing' then
        limit = following and 'due' or 'nothing'
      end
      if not following then
        return
      end
      f_us = gaps.earliest(trunk, max(f_us, at_ms * 1000))
      gaps.wake(trunk, f_us)
    end
  end
  frontiers_us[trunk_id] = f_us
  agenda.put(trunks, trunk_id, ceil(f_us / 1000))
end

-- Whoever claims next begins with the first free instant from then on, which may lie before those for which something was
-- promoted here: it waits for its own again. Nobody asks for a head any more.
local function put_back()
  for lane, at_ms in next, lanes_ahead do
    if lane.ready.scores[lane.id] then
      lane.ready.scores[lane.id], lane.waiting.scores[lane.id] = false, at_ms
    end
  end
  for flow, at_ms in next, flows_ahead do
    local turn, waiting = flow.trunk.turn.scores, flow.trunk.waiting.scores
    if turn[flow.id] then
      flow.left_vt, turn[flow.id], waiting[flow.id] = turn[flow.id], false, at_ms
    end
  end
end

-- The virtual times of flows that are not in their turn.
local function keep_vts(trunk)
  for tenant_id, flow in next, trunk.flows do
    if flow.left_vt then
      map.put(trunk.vts, tenant_id, fmt(flow.left_vt))
    elseif flow.left_vt == false then
      map.drop(trunk.vts, tenant_id)
    end
  end
end

local function settle()
  for _, trunk in next, resources do
    if trunk and trunk.flows then
      turns.settle(trunk)
    end
  end
  put_back()
  for _, trunk in next, resources do
    if trunk and trunk.flows then
      keep_vts(trunk)
    end
  end
end

local function serve_all()
  while not epoch.is_stopped and closed_ms * 1000 <= limit_us and steps < max_steps and calls < max_calls do
    hand.trunk = nil
    local trunk_id, due_ms = agenda.head(trunks)
    if not trunk_id or due_ms * 1000 > limit_us then
      limit = trunk_id and steps == 0 and 'due' or limit
      break
    end
    if steps == 0 then
      reply[5] = max(0, NOW_MS - due_ms)
    end
    steps = steps + 1
    serve_trunk(trunk_id)
  end
  hand.trunk, hand.tenant, hand.batch = nil, nil, nil
  settle()
end

local passed_over = {} -- by commit(), for what the key holds
local is_served, why_not = pcall(serve_all)
if is_served then
  reply[4] = calls >= max_calls and 'calls' or steps >= max_steps and 'steps' or epoch.is_stopped and 'stopped'
    or closed_ms * 1000 > limit_us and 'closed' or limit
  commit(passed_over)
  if passed_over[1] then
    aside().tell(passed_over)
  end
else
  zset.discard()
  reply = { reply[1], '', 0, 'torn', reply[5] }
  calls = 0
  aside().set(hand, why_not)
end
if calls > 0 then
  redis.call('SET', replay_key, table.concat(issued, ' '), 'PX', REPLAY_MS)
end
reply[2], reply[3] = next_ms()
return notes.tell(reply)
end
return claim()
