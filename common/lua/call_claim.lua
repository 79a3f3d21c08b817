#!lua
-- Hands a worker calls to dial, each with the instant (its slot) at which it may start, up to a short horizon ahead.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2]  request id: the same id again answers the same calls (a lost reply costs nothing)
-- ARGV[3]  most calls (1..64)
-- ARGV[4]  most steps (1..400): promotions, visits and slots together, the first slot of a batch as ten; the bound of the
--          script's work
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
-- aside: a batch pauses itself, a flow or a trunk is looked at again torn.ASIDE_MS later. The next claim goes on with the others.
-- @include lib/gaps.lua
-- @include lib/poison.lua
-- @include lib/torn.lua
batch_wants({ 'state', 'tenant', 'trunk', 'sealed', 'priority', 'interval_us', 'max_concurrent', 'start_ms', 'total',
  'cursor', 'tat_us', 'due', 'claimed', 'live', 'dials', 'hours', 'expires_ms', 'expired_ms' })
local worker = check_id(ARGV[1], 64, 'worker')
local request = check_id(ARGV[2], 64, 'request')
local max_calls = math.min(check_number(ARGV[3], 'calls'), 64)
local max_steps = math.min(check_number(ARGV[4], 'steps'), 400)
local horizon_us = check_number(ARGV[5], 'horizon')
local lease_ms = check_number(ARGV[6], 'lease')
local doubt_lease_ms = check_number(ARGV[7], 'lease of a doubt')
local limit_us = NOW_US + horizon_us
local closed_ms = epoch_load().closed_until_ms
local REPLAY_MS = 60000
local BATCH_STEPS = 10 -- a batch's first slot costs its hash, its lane, its flow

local reply = { fmt(NOW_US), '', 0, '', 0 }
local steps, calls = 0, 0
local limit, lane_limit = 'nothing', nil -- what was met last, and of the lanes that wait
local issued = { request }
local hand = {} -- the trunk, the tenant and the batch that the claim is at, by their ids

local function answer_call(batch_id, call, slot_us, attempts, record)
  reply[#reply + 1] = { batch_id, call.name, fmt(call.d), fmt(slot_us), fmt(attempts), record,
    call.f and fmt(call.f) or '', fmt(epoch_load().tail_ms), fmt(epoch_load().tail_from_ms), call.f and epoch_earlier() }
end

local function answer_again(batch_id, ordinal, slot_us, attempts)
  local record = map.get(key_bucket(batch_id, 'contacts', ordinal), fmt(ordinal))
  answer_call(batch_id, call_read({ prefix = key_batch(batch_id) }, ordinal), slot_us, attempts, record or '')
end

local function next_ms()
  local trunk_id, due_ms = zset.head(KEY_TRUNKS)
  if not trunk_id or epoch_load().is_stopped then
    return '', 0
  end
  local at_ms = math.max(due_ms, closed_ms)
  return fmt(at_ms), at_ms * 1000 <= limit_us and 1 or 0
end

-- ---- the same request again: answer what is still claimed by it ----
local replay_key = P .. 'claim:' .. worker
do
  local stored = redis.call('GET', replay_key)
  if stored and stored:match('^%S+') == request then
    for member, slot, attempts in stored:gmatch('(%S+/%S+) (%d+) (%d+)') do
      if zset.score(KEY_CLAIMED, member) then
        local batch_id, ordinal = member:match('^([^/]+)/(%d+)/')
        pcall(answer_again, batch_id, tonumber(ordinal), tonumber(slot), tonumber(attempts)) -- or its lease gives it back
      end
    end
    reply[2], reply[3] = next_ms()
    return reply
  end
end

-- ---- promotions ----

-- Promoted for an instant that lies ahead, and not served since.
local flows_ahead, lanes_ahead = {}, {}

local function promote_flows(trunk, f_ms)
  local waiting, vts = key_flows_waiting(trunk.id), key_flows_vt(trunk.id)
  local tenant_id, at_ms = zset.head(waiting)
  local first = steps
  while tenant_id and at_ms <= f_ms and (steps < max_steps or steps == first) do
    hand.tenant = tenant_id
    local tenant = resource_load('t', tenant_id)
    if tenant then
      gaps.wake(tenant, at_ms * 1000)
      local flow = trunk.id .. '/' .. tenant_id
      flows_ahead[flow] = at_ms > NOW_MS and { at_ms = at_ms, trunk_id = trunk.id, tenant = tenant } or nil
    end
    local vt = tonumber(map.get(vts, tenant_id) or 0) or 0
    zset.put(key_flows_turn(trunk.id), tenant_id, math.max(vt, trunk.vfloor))
    zset.drop(waiting, tenant_id)
    map.drop(vts, tenant_id)
    steps = steps + 1
    tenant_id, at_ms = zset.head(waiting)
  end
end

local function promote_lanes(trunk, tenant, f_us)
  local waiting, ready = key_lanes_waiting(trunk.id, tenant.id), key_lanes_ready(trunk.id, tenant.id)
  local lane, at_ms = zset.head(waiting)
  local first = steps
  while lane and at_ms * 1000 <= f_us and (steps < max_steps or steps == first) do
    hand.batch = lane:match('^([^/]+)/')
    local batch = hand.batch and batch_load(hand.batch)
    if batch then
      gaps.wake_batch(batch, at_ms * 1000, f_us)
      zset.put(ready, lane, lane_score(batch))
      lanes_ahead[lane] = at_ms > NOW_MS and { at_ms = at_ms, waiting = waiting, ready = ready, batch = batch } or nil
    end
    zset.drop(waiting, lane)
    steps = steps + 1
    hand.batch = nil
    lane, at_ms = zset.head(waiting)
  end
end

-- Whoever claims next begins with the first free instant from then on, which may lie before those for which something was
-- promoted here: it waits for its own again.
local function put_back()
  for lane, ahead in pairs(lanes_ahead) do
    if zset.score(ahead.ready, lane) then
      zset.put(ahead.waiting, lane, ahead.at_ms)
      zset.drop(ahead.ready, lane)
      ahead.batch.is_idle = nil
    end
  end
  for _, ahead in pairs(flows_ahead) do
    if zset.score(key_flows_turn(ahead.trunk_id), ahead.tenant.id) then
      zset.put(key_flows_waiting(ahead.trunk_id), ahead.tenant.id, ahead.at_ms)
      flow_leave_turn(ahead.trunk_id, ahead.tenant.id)
      ahead.tenant.is_idle = nil
    end
  end
end

-- ---- turns: a flow has PER_S of them a second before each is more than one slot, of MOST ----
local turns = { PER_S = 16, MOST = 8 }

-- How many slots a turn on the trunk is. What waits for its pace or its work counts too: it may come any time.
function turns.slots(trunk)
  if not trunk.turn_slots then
    local flows = redis.call('ZCARD', key_flows_turn(trunk.id)) + redis.call('ZCARD', key_flows_waiting(trunk.id))
    local slots = math.floor(1000000 / (trunk.interval_us * turns.PER_S * math.max(flows, 1)))
    trunk.turn_slots = math.max(1, math.min(slots, turns.MOST))
  end
  return trunk.turn_slots
end

-- The lane has had its slot. True where its turn goes on: the trunk's next is its as well, unless something keeps it.
function turns.goes_on(trunk, tenant, batch, lane)
  trunk.turn_left = (trunk.turn_left or turns.slots(trunk)) - 1
  if trunk.turn_left > 0 and batch.tat_us <= trunk.tat_us then
    trunk.turn_of, lanes_ahead[lane] = tenant.id, nil
    return true
  end
  return false
end

-- The flow whose turn goes on, or begins; nil where none is eligible by `f_ms`.
function turns.next(trunk, f_ms)
  local tenant_id = trunk.turn_of
  trunk.turn_of = nil
  if not tenant_id then
    promote_flows(trunk, f_ms)
    local vt
    tenant_id, vt = zset.head(key_flows_turn(trunk.id))
    trunk.turn_left, trunk.vfloor = nil, math.max(trunk.vfloor, vt or 0)
  end
  return tenant_id
end

-- ---- giving a slot ----

-- The number of the call's next dial: one that none of its dials ever had, since a number makes one token.
local function take_number(batch, call)
  call.d, call.i = math.max(call.d, call.i or 0) + 1, nil
  batch.dials = batch.dials + 1
end

local function take_slot(trunk, tenant, batch, call, number, record, slot_us)
  take_number(batch, call)
  call.w, call.q, call.t, call.n, call.z, call.p = worker, fmt(slot_us), number, nil, nil, nil
  call.c = epoch_load().tail > 0 and epoch_load().tail or nil
  local member = call_member(batch, call)
  local lease = math.floor(slot_us / 1000) + (call.f and doubt_lease_ms or lease_ms)
  zset.put(KEY_CLAIMED, member .. '/' .. worker, lease)
  map.put(key_dialing(batch.tenant), number, member)
  flying_set(batch, member, lease)
  call_move(batch, call, 'claim')
  call_write(call)
  steps = steps + (batch.is_served and 0 or BATCH_STEPS)
  batch.is_served = true
  batch.is_in_gap = gaps.take(trunk, slot_us)
  gaps.take(tenant, slot_us)
  gaps.charge(batch, slot_us)
  flows_ahead[trunk.id .. '/' .. tenant.id] = nil
  trunk.room, tenant.room, batch.room = room('k', trunk) - 1, room('t', tenant) - 1, room('b', batch) - 1
  tenant.served_on, tenant.is_wanted = trunk.id, false
  local turn = key_flows_turn(trunk.id)
  zset.put(turn, tenant.id, zset.score(turn, tenant.id) + math.floor(VT_UNIT / tenant.weight))
  if trunk.breaker_until_ms then
    breaker.begin_probe(trunk, member, lease)
  end
  answer_call(batch.id, call, slot_us, call.a, record)
  issued[#issued + 1] = member .. '/' .. worker .. ' ' .. fmt(slot_us) .. ' ' .. fmt(call.a)
  calls = calls + 1
end

-- The lane is done with for this instant: back among the waiting by its pace, its work and its window, or out where none
-- is left.
local function lane_pass(trunk, tenant, batch, lane, f_us)
  local at = lane_opening_ms(batch, math.floor(f_us / 1000))
  if at then
    zset.put(key_lanes_waiting(trunk.id, tenant.id), lane, at)
    lane_limit = at == math.ceil((batch.tat_us or 0) / 1000) and 'batch_rate' or 'due'
  end
  zset.drop(key_lanes_ready(trunk.id, tenant.id), lane)
  if not at then
    flow_check_empty(trunk.id, tenant.id)
  end
end

local state_known = {} -- by key

-- The next call of the lane by `f_ms`: a due retry, else the next fresh contact. Takes it off where it lay.
local function lane_next_call(batch, f_ms)
  local ordinal, due_ms = lane_retry(batch)
  if ordinal and due_ms <= f_ms then
    zset.drop(key_retry(batch.id), ordinal)
    local call = call_read(batch, tonumber(ordinal))
    tail_doubt_retry(batch, call, due_ms)
    return call
  end
  if batch.cursor < batch.total and batch.start_ms <= f_ms then
    local call = call_new(batch, batch.cursor)
    if not state_known[call.state_key] then
      state_known[call.state_key] = redis.call('HLEN', call.state_key) -- fails where it is none, before it is written to
    end
    tail_doubt_fresh(batch, call)
    batch.cursor = batch.cursor + 1
    return call
  end
  return nil
end

-- One visit of a ready lane: it parks, waits for its pace or its window, holds a busy number, or takes the slot. True where
-- the slot was taken.
local function visit_lane(trunk, tenant, batch, lane, f_us)
  if batch.state == 'scheduled' then
    batch_move(batch, 'start')
  end
  if window_objection(batch, math.floor(f_us / 1000)) then
    lane_pass(trunk, tenant, batch, lane, f_us)
    limit, lane_limit = 'window', 'window'
    return false
  end
  if room('b', batch) <= 0 then
    limit = 'batch_full'
    lane_park(batch, lane)
    zset.drop(key_lanes_ready(trunk.id, tenant.id), lane)
    flow_check_empty(trunk.id, tenant.id)
    return false
  end
  pace_clip(batch, horizon_us)
  if batch.tat_us and batch.tat_us > f_us then
    lane_pass(trunk, tenant, batch, lane, f_us)
    return false
  end
  local call = lane_next_call(batch, math.floor(f_us / 1000))
  if not call then
    lane_pass(trunk, tenant, batch, lane, f_us)
    return false
  end
  local record = map.get(batch.prefix .. ':contacts:' .. call.bucket, call.name)
  local number = contact_phone(record)
  if not number then
    take_number(batch, call)
    call_end_unread(batch, call, 'contact_unreadable')
    lane_pass(trunk, tenant, batch, lane, f_us)
    return false
  end
  if map.get(key_dialing(tenant.id), number) then
    if call.f then
      call_write(call) -- what is known of it, since it leaves the place that told so
    end
    limit = 'number'
    number_hold(batch, call, number, math.floor(f_us / 1000))
    if not lane_due_ms(batch) then
      lane_pass(trunk, tenant, batch, lane, f_us)
    end
    return false
  end
  take_slot(trunk, tenant, batch, call, number, record, f_us)
  limit = 'trunk_rate' -- unless something else is met before the horizon
  if not turns.goes_on(trunk, tenant, batch, lane) then
    lane_pass(trunk, tenant, batch, lane, f_us)
  end
  return true
end

-- A flow waits for a place in its tenant's own rate. Whichever of the tenant's flows had the last one lets it by: where both
-- wait for the same instant, one trunk would have them all, and the tenant's batches on the other would never begin.
local function await_tenant(trunk, tenant, at_ms)
  local had = tenant.served_on
  zset.put(key_flows_waiting(trunk.id), tenant.id, had == trunk.id and tenant.is_wanted and at_ms + 1 or at_ms)
  flow_leave_turn(trunk.id, tenant.id)
  if had and had ~= trunk.id then
    tenant.is_wanted = true
    if zset.score(key_flows_waiting(had), tenant.id) == at_ms then
      zset.put(key_flows_waiting(had), tenant.id, at_ms + 1)
    end
  end
end

-- One visit of the flow whose turn it is. True where a slot was taken at f_us.
local function visit_flow(trunk, tenant_id, f_us)
  hand.tenant, hand.batch = tenant_id, nil
  local tenant = resource_load('t', tenant_id)
  local turn, waiting = key_flows_turn(trunk.id), key_flows_waiting(trunk.id)
  if not tenant then
    zset.drop(turn, tenant_id)
    return false
  end
  gaps.clip(tenant, horizon_us)
  if tenant.state ~= 'active' or room('t', tenant) <= 0 then
    zset.put(key_parked_flows(tenant_id), trunk.id, NOW_MS)
    zset.put(KEY_PARKED, 't/' .. tenant_id, NOW_MS)
    flow_leave_turn(trunk.id, tenant_id)
    limit = tenant.state == 'active' and 'tenant_full' or 'tenant_stopped'
    return false
  end
  local free_us = gaps.earliest(tenant, f_us)
  if free_us > f_us then
    await_tenant(trunk, tenant, math.ceil(free_us / 1000))
    limit = 'tenant_rate'
    return false
  end
  promote_lanes(trunk, tenant, f_us)
  local lane = zset.head(key_lanes_ready(trunk.id, tenant_id))
  if lane then
    hand.batch = lane:match('^([^/]+)/')
    local batch = hand.batch and batch_load(hand.batch)
    if batch then
      return visit_lane(trunk, tenant, batch, lane, f_us)
    end
    zset.drop(key_lanes_ready(trunk.id, tenant_id), lane)
    return false
  end
  local following, following_ms = zset.head(key_lanes_waiting(trunk.id, tenant_id))
  if following then
    limit = lane_limit or 'due'
    zset.put(waiting, tenant_id, math.ceil(gaps.earliest(tenant, following_ms * 1000) / 1000))
  end
  flow_leave_turn(trunk.id, tenant_id)
  return false
end

-- Serves one trunk until its frontier is past the next one's, or past the horizon, a bound is met, or it is full.
local frontiers_us = {}
local function serve_trunk(trunk_id)
  hand.trunk, hand.tenant, hand.batch = trunk_id, nil, nil
  local trunk = resource_load('k', trunk_id)
  if not trunk or trunk.state ~= 'active' or trunk.held then
    zset.drop(KEY_TRUNKS, trunk_id)
    return
  end
  gaps.clip(trunk, horizon_us)
  zset.drop(KEY_TRUNKS, trunk_id)
  local _, following_ms = zset.head(KEY_TRUNKS)
  local until_us = math.min(limit_us, (following_ms or math.huge) * 1000)
  local f_us = frontiers_us[trunk_id] or gaps.earliest(trunk, math.max(NOW_US, closed_ms * 1000,
    trunk.hold_until_ms * 1000, (trunk.breaker_until_ms or 0) * 1000))
  if math.max(trunk.hold_until_ms, trunk.breaker_until_ms or 0) * 1000 > limit_us then
    limit = 'trunk_held'
  end
  while f_us <= until_us and steps < max_steps and calls < max_calls do
    steps = steps + 1
    hand.tenant, hand.batch = nil, nil
    local tenant_id = turns.next(trunk, math.floor(f_us / 1000))
    if tenant_id then
      if room('k', trunk) <= 0 then
        trunk.held = 'full'
        zset.put(KEY_PARKED, 'k/' .. trunk_id, NOW_MS)
        limit = 'trunk_full'
        return
      end
      if visit_flow(trunk, tenant_id, f_us) then
        f_us = gaps.earliest(trunk, math.max(f_us, (trunk.breaker_until_ms or 0) * 1000))
      end
    else
      local following, at_ms = zset.head(key_flows_waiting(trunk_id))
      if limit == 'trunk_rate' or limit == 'nothing' then
        limit = following and 'due' or 'nothing'
      end
      if not following then
        return
      end
      f_us = gaps.earliest(trunk, math.max(f_us, at_ms * 1000))
      gaps.wake(trunk, f_us)
    end
  end
  frontiers_us[trunk_id] = f_us
  zset.put(KEY_TRUNKS, trunk_id, math.ceil(f_us / 1000))
end

local function serve_all()
  while not epoch_load().is_stopped and closed_ms * 1000 <= limit_us and steps < max_steps and calls < max_calls do
    hand.trunk = nil
    local trunk_id, due_ms = zset.head(KEY_TRUNKS)
    if not trunk_id or due_ms * 1000 > limit_us then
      limit = trunk_id and steps == 0 and 'due' or limit
      break
    end
    if steps == 0 then
      reply[5] = math.max(0, NOW_MS - due_ms)
    end
    steps = steps + 1
    serve_trunk(trunk_id)
  end
  hand.trunk, hand.tenant, hand.batch = nil, nil, nil
  put_back()
end

-- ---- what cannot be made use of ----
torn.ASIDE_MS = 2000

function torn.is_resource(kind, id, types)
  for key, of_type in pairs(types) do
    if torn.is_key(key, of_type) then
      return true
    end
  end
  local resource = resource_load(kind, id)
  return resource ~= nil and (not resource.interval_us or type(resource.max_concurrent) == 'string')
end

function torn.is_trunk(id)
  return torn.is_resource('k', id, { [key_trunk(id)] = 'hash', [key_flows_waiting(id)] = 'zset', [key_flows_turn(id)] = 'zset',
    [key_flows_vt(id)] = 'hash', [key_flying('k', id)] = 'zset' })
end

function torn.is_flow(trunk_id, id)
  return torn.is_resource('t', id, { [key_tenant(id)] = 'hash', [key_lanes_waiting(trunk_id, id)] = 'zset',
    [key_lanes_ready(trunk_id, id)] = 'zset', [key_parked_flows(id)] = 'zset', [key_dialing(id)] = 'hash',
    [key_held(id)] = 'zset', [key_flying('t', id)] = 'zset' })
end

function torn.pause_batch(id, why)
  local batch = batch_load(id)
  if batch then
    poison.pause(batch, poison.TORN, why)
    commit()
  end
end

function torn.drop_lane(trunk_id, tenant_id, batch_id)
  zset.drop(key_lanes_waiting(trunk_id, tenant_id), batch_id .. '/' .. LANE)
  zset.drop(key_lanes_ready(trunk_id, tenant_id), batch_id .. '/' .. LANE)
  flow_check_empty(trunk_id, tenant_id)
end

-- The innermost of what the claim was at, unless what holds it cannot be made use of either. What is the whole cell's is nobody's
-- whom to set aside would help.
function torn.set_aside(why)
  local trunk_id, tenant_id, batch_id = hand.trunk, hand.tenant, hand.batch
  if not trunk_id or torn.is_hopeless(why) then
    fail(why)
  end
  if not tenant_id or torn.is_trunk(trunk_id) then
    zset.put(KEY_TRUNKS, trunk_id, NOW_MS + torn.ASIDE_MS)
    notes.add('torn', 'trunk ' .. trunk_id, why)
  elseif not batch_id or torn.is_flow(trunk_id, tenant_id) then
    flow_leave_turn(trunk_id, tenant_id)
    zset.put(key_flows_waiting(trunk_id), tenant_id, NOW_MS + torn.ASIDE_MS)
    notes.add('torn', 'flow ' .. trunk_id .. '/' .. tenant_id, why)
  else
    if not pcall(torn.pause_batch, batch_id, why) then
      zset.discard()
    end
    if #notes.rows == 0 then
      notes.add('torn', 'batch ' .. batch_id, why)
    end
    torn.drop_lane(trunk_id, tenant_id, batch_id)
  end
  commit()
end

local is_served, why_not = pcall(serve_all)
if is_served then
  reply[4] = calls >= max_calls and 'calls' or steps >= max_steps and 'steps' or epoch_load().is_stopped and 'stopped'
    or closed_ms * 1000 > limit_us and 'closed' or limit
  commit(torn.passed_over)
  torn.tell()
else
  zset.discard()
  reply = { reply[1], '', 0, 'torn', reply[5] }
  calls = 0
  torn.set_aside(torn.text(why_not))
end
if calls > 0 then
  redis.call('SET', replay_key, table.concat(issued, ' '), 'PX', REPLAY_MS)
end
reply[2], reply[3] = next_ms()
return notes.tell(reply)
