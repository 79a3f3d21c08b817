-- @include window.lua
-- The scheduler's sets: two at each level, one by time and one by turn (docs/redis-keys.md). touch_lane() is the only
-- code that puts a lane into a set outside of call_claim's own loop.

-- What one call costs a flow of weight 1 in virtual time.
local VT_UNIT = 1000000

-- A tenant or a trunk, loaded once; `room` is what its concurrency leaves, counted when first asked for.
local RESOURCE_FIELDS = { 'state', 'cps', 'interval_us', 'max_concurrent', 'tat_us', 'weight', 'vfloor', 'held',
  'hold_until_ms', 'available_s', 'reserved_s', 'breaker_until_ms', 'gaps' }
local resources = {}

-- ---- a trunk's breaker as those see it who want to begin a call; the rest of it is in lib/breaker.lua ----
local breaker = { AHEAD_MS = 400000 } -- no wait is longer

-- Until when something waits that waits for no longer than `most_ms`, nil where it does not: what lies farther ahead was set
-- before the clock was set back.
local function wait_until_of(text, most_ms)
  local until_ms = tonumber(text or nil)
  return until_ms and until_ms > NOW_MS + most_ms and NOW_MS or until_ms
end

-- Hands the one permitted call out, or lets it begin: nobody else's turn comes before its verdict, or before it is lost.
function breaker.begin_probe(trunk, member, until_ms)
  trunk.breaker_until_ms = until_ms
  redis.call('HSET', trunk.key, 'breaker', 'probing', 'breaker_until_ms', fmt(until_ms), 'breaker_probe', member)
end

function breaker.forget(key)
  redis.call('HDEL', key, 'breaker', 'breaker_until_ms', 'breaker_wait_ms', 'breaker_reason', 'breaker_since_ms',
    'breaker_probe', 'verdicts')
end

-- A trunk stays silent for that long at most: what its platform asked for, or how long it lets calls wait there.
local HOLD_MOST_MS = 60000

local function resource_load(kind, id)
  local name = kind .. '/' .. id
  local resource = resources[name]
  if resource ~= nil then
    return resource or nil
  end
  local key = kind == 'k' and key_trunk(id) or key_tenant(id)
  local values = redis.call('HMGET', key, unpack(RESOURCE_FIELDS))
  if not values[1] then
    resources[name] = false
    return nil
  end
  resource = {
    kind = kind, id = id, key = key, state = values[1], cps = tonumber(values[2]), interval_us = tonumber(values[3]),
    max_concurrent = tonumber(values[4]) or values[4] or nil, tat_us = tonumber(values[5]), weight = tonumber(values[6]) or 1,
    vfloor = tonumber(values[7]) or 0, held = values[8] or nil, hold_until_ms = wait_until_of(values[9], HOLD_MOST_MS) or 0,
    available_s = tonumber(values[10]), reserved_s = tonumber(values[11]) or 0,
    breaker_until_ms = wait_until_of(values[12], breaker.AHEAD_MS), gaps_text = values[13] or nil,
  }
  resource.was_tat_us, resource.was_vfloor, resource.was_held = resource.tat_us, resource.vfloor, resource.held
  resource.was_available_s, resource.was_reserved_s = resource.available_s, resource.reserved_s
  resources[name] = resource
  return resource
end

local function trunk_hold(trunk_id, hold_ms)
  local trunk = resource_load('k', trunk_id)
  if trunk and hold_ms > 0 then
    trunk.hold_until_ms = math.max(trunk.hold_until_ms, NOW_MS + math.min(hold_ms, HOLD_MOST_MS))
    redis.call('HSET', trunk.key, 'hold_until_ms', fmt(trunk.hold_until_ms))
  end
end

local function resources_flush() -- by commit()
  for _, resource in pairs(resources) do
    if resource then
      local set = {}
      local function put(field)
        set[#set + 1] = field
        set[#set + 1] = fmt(resource[field])
      end
      if resource.tat_us ~= resource.was_tat_us then
        if resource.tat_us then
          put('tat_us')
        else
          redis.call('HDEL', resource.key, 'tat_us')
        end
        resource.was_tat_us = resource.tat_us
      end
      if resource.held ~= resource.was_held then
        if resource.held then
          redis.call('HSET', resource.key, 'held', resource.held)
        else
          redis.call('HDEL', resource.key, 'held')
        end
        resource.was_held = resource.held
      end
      if resource.vfloor ~= resource.was_vfloor then
        put('vfloor')
        resource.was_vfloor = resource.vfloor
      end
      if resource.available_s ~= resource.was_available_s or resource.reserved_s ~= resource.was_reserved_s then
        put('reserved_s')
        if resource.available_s then
          put('available_s')
        end
        resource.was_available_s, resource.was_reserved_s = resource.available_s, resource.reserved_s
      end
      if #set > 0 then
        redis.call('HSET', resource.key, unpack(set))
      end
    end
  end
end

on_commit(resources_flush, function()
  resources = {}
end)

-- How many more calls the resource's concurrency admits now; huge where it has no limit. Members whose score has passed
-- hold nothing any more, so a leak heals itself. Counted once a script, then kept by those who add.
local function room(kind, resource)
  if not resource.room then
    if resource.max_concurrent then
      resource.room = resource.max_concurrent - zset.count_above(key_flying(kind, resource.id), NOW_MS)
    else
      resource.room = 9007199254740992
    end
  end
  return resource.room
end

local function touch_trunk(trunk_id, at_ms)
  local trunk = resource_load('k', trunk_id)
  if trunk and trunk.state == 'active' and not trunk.held then
    zset.put_earlier(KEY_TRUNKS, trunk_id, at_ms)
  end
end

-- The flow has work that is due at `at_ms`. Where it has its turn already or is parked, it stays there.
local function touch_flow(trunk_id, tenant_id, at_ms)
  if zset.score(key_flows_turn(trunk_id), tenant_id) then
    touch_trunk(trunk_id, NOW_MS)
    return
  end
  if zset.score(key_parked_flows(tenant_id), trunk_id) then
    return
  end
  zset.put_earlier(key_flows_waiting(trunk_id), tenant_id, at_ms)
  touch_trunk(trunk_id, math.max(at_ms, NOW_MS)) -- what lies behind now is how long nobody has claimed
end

-- Takes a flow out of the turn set and keeps its virtual time for when it comes back.
local function flow_leave_turn(trunk_id, tenant_id)
  local vt = zset.score(key_flows_turn(trunk_id), tenant_id)
  if vt then
    map.put(key_flows_vt(trunk_id), tenant_id, fmt(vt))
    zset.drop(key_flows_turn(trunk_id), tenant_id)
  end
end

-- A flow whose last lane has gone is in no set.
local function flow_check_empty(trunk_id, tenant_id)
  if not zset.head(key_lanes_waiting(trunk_id, tenant_id)) and not zset.head(key_lanes_ready(trunk_id, tenant_id)) then
    flow_leave_turn(trunk_id, tenant_id)
    zset.drop(key_flows_waiting(trunk_id), tenant_id)
    zset.drop(key_parked_flows(tenant_id), trunk_id)
  end
end

-- The call that waits in the lane's retries for the earliest time, and that time; nil where none does. Where no more calls are
-- due than there are fresh contacts, nobody has to look.
local function lane_retry(batch)
  if batch.due == batch.total - batch.cursor and not batch_is_cut(batch) then
    return nil
  end
  return zset.head(key_retry(batch.id))
end

-- When the lane's next call is due by its work alone: the batch's start for fresh calls, the head of the retries; nil
-- where nothing is left to dial.
local function lane_due_ms(batch)
  local due = batch.cursor < batch.total and batch.start_ms or nil
  if due and due <= NOW_MS then
    return due
  end
  local _, retry_ms = lane_retry(batch)
  if retry_ms and (not due or retry_ms < due) then
    due = retry_ms
  end
  return due
end

-- When the lane's next call may begin, seen from `from_ms`: its work is due, its rate lets it, its window is open. nil where
-- nothing is left to dial, or nothing is known to open any more. A scheduled batch starts whether it is open or not.
local function lane_opening_ms(batch, from_ms)
  local due = lane_due_ms(batch)
  local at = due and math.max(due, math.ceil((batch.tat_us or 0) / 1000))
  if not at or batch.state == 'scheduled' then
    return at
  end
  return window_opening(batch, at, from_ms)
end

-- Among ready lanes the least is served first: the highest priority, then the earliest start.
local function lane_score(batch)
  return (10 - batch.priority) * 8796093022208 + batch.start_ms
end

local function lane_park(batch, lane)
  zset.put(key_parked_lanes(batch.id), lane, NOW_MS)
  zset.put(KEY_PARKED, 'b/' .. batch.id, NOW_MS)
end

-- Puts the batch's lane where its state, its work, its rate, its window and its concurrency say it belongs.
local function touch_lane(batch)
  local lane = batch.id .. '/' .. LANE
  local waiting = key_lanes_waiting(batch.trunk, batch.tenant)
  local ready = key_lanes_ready(batch.trunk, batch.tenant)
  local at = SCHEDULABLE[batch.state] and batch.sealed == '1' and not batch.expired_ms and lane_opening_ms(batch, NOW_MS)
  if at and room('b', batch) <= 0 then
    lane_park(batch, lane)
  else
    zset.drop(key_parked_lanes(batch.id), lane)
    zset.drop(KEY_PARKED, 'b/' .. batch.id)
    if at then
      local score = zset.score(ready, lane)
      if at > NOW_MS or not score then
        zset.put(waiting, lane, at)
        zset.drop(ready, lane)
      elseif score ~= lane_score(batch) then
        zset.put(ready, lane, lane_score(batch))
      end
      touch_flow(batch.trunk, batch.tenant, at)
      return
    end
  end
  zset.drop(waiting, lane)
  zset.drop(ready, lane)
  flow_check_empty(batch.trunk, batch.tenant)
end

-- ---- room appeared: whoever was parked for it comes back ----
-- Whoever is parked is in KEY_PARKED too, under the name of what is full: one look there tells all that a script frees.

local function wake_workers()
  redis.call('PUBLISH', KEY_WAKE, 'work')
end

local function wake_trunk(trunk_id)
  local trunk = resource_load('k', trunk_id)
  if not trunk or trunk.held ~= 'full' then
    return false
  end
  trunk.held = nil
  zset.drop(KEY_PARKED, 'k/' .. trunk_id)
  touch_trunk(trunk_id, NOW_MS)
  wake_workers()
  return true
end

local FLOWS_WOKEN = 64
local function wake_tenant(tenant_id)
  if not zset.score(KEY_PARKED, 't/' .. tenant_id) then
    return false
  end
  local key, woken = key_parked_flows(tenant_id), 0
  local trunk_id = zset.head(key)
  while trunk_id and woken < FLOWS_WOKEN do
    zset.drop(key, trunk_id)
    touch_flow(trunk_id, tenant_id, NOW_MS)
    woken = woken + 1
    trunk_id = zset.head(key)
  end
  if not trunk_id then
    zset.drop(KEY_PARKED, 't/' .. tenant_id)
  end
  if woken > 0 then
    wake_workers()
  end
  return woken > 0
end

local function wake_batch(batch)
  if not zset.score(KEY_PARKED, 'b/' .. batch.id) then
    return false
  end
  touch_lane(batch)
  wake_workers()
  return true
end
