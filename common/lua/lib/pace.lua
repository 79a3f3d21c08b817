-- @include call.lua
-- Pacing: GCRA by theoretical arrival time (TAT, integer microseconds) for batch, tenant and trunk, and the log of the
-- last begins that proves each rate. Mirrored in C by common/domain/pacing.c; tests/lua/test_pace.py holds them together.

-- The TAT after a call at `slot`: credit for lateness of at most one interval, so that a limit which shares a grid with a
-- faster one loses nothing; none on a first slot (no TAT).
local function pace_next(tat_us, slot_us, interval_us)
  if not tat_us then
    return slot_us + interval_us
  end
  return math.max(tat_us, slot_us - interval_us) + interval_us
end

-- The TAT of something that could have gone at `at` but had nothing to do: idleness earns no credit. Within an interval
-- it is lateness.
local function pace_wake(tat_us, at_us, interval_us)
  if tat_us and at_us - tat_us > interval_us then
    return nil
  end
  return tat_us
end

-- After a clock step a TAT could lie hours ahead.
local function pace_clip(resource, horizon_us)
  local latest = NOW_US + horizon_us + resource.interval_us
  if resource.tat_us and resource.tat_us > latest then
    resource.tat_us, resource.free_us = latest, latest
  end
end

-- A claimed call that was never begun gives its place back.
local function pace_refund(resource)
  if resource and resource.tat_us and resource.tat_us > NOW_US then
    resource.tat_us = resource.tat_us - resource.interval_us
  end
end

-- A claimed call is not begun: its places of the rates are given back,
local function claim_refund_places(batch)
  pace_refund(batch)
  pace_refund(resource_load('t', batch.tenant))
  pace_refund(resource_load('k', batch.trunk))
end

-- and its flow's turn, once the flow stands where it belongs.
local function claim_refund_turn(batch)
  local tenant = resource_load('t', batch.tenant)
  local charge = math.floor(VT_UNIT / (tenant and tenant.weight or 1))
  local vt = zset.score(key_flows_turn(batch.trunk), batch.tenant)
  if vt then
    zset.put(key_flows_turn(batch.trunk), batch.tenant, vt - charge)
  else
    vt = tonumber(map.get(key_flows_vt(batch.trunk), batch.tenant) or 0)
    map.put(key_flows_vt(batch.trunk), batch.tenant, fmt(vt - charge))
  end
end

-- claimed -> due. Nothing was begun, so nothing is charged; but its turn is used up where it could not begin by its tenant's
-- own doing (`is_own`). Given back, every turn would be that tenant's as long as it has such calls.
local function call_release(batch, call, at_ms, is_own)
  local member, owner = call_member(batch, call), call.w
  call.n, call.w, call.q = at_ms, nil, nil
  call_move(batch, call, 'release')
  call_let_go(batch, call)
  call_write(batch, call)
  claim_refund_places(batch)
  retry_add(batch, call, at_ms)
  zset.drop(KEY_CLAIMED, member .. '/' .. owner)
  if not is_own then
    claim_refund_turn(batch)
  end
end

-- ---- the log of begins: at most `cps` in any sliding second, whatever the workers do ----
local SECOND_US = 1000000
local BEGINS_TTL_MS = 2000

-- The earliest instant, not before `at`, at which one more begin keeps the rate.
local function begins_earliest(kind, id, cps, at_us)
  local key = key_begins(kind, id)
  local last = redis.call('LINDEX', key, -1)
  if not last then
    return at_us
  end
  last = tonumber(last)
  if last > NOW_US + 2 * SECOND_US then
    redis.call('DEL', key) -- the clock stepped back: what the log holds lies in a future that will not come so soon
    return at_us
  end
  at_us = math.max(at_us, last)
  local nth = redis.call('LINDEX', key, -cps)
  if nth then
    at_us = math.max(at_us, tonumber(nth) + SECOND_US + 1)
  end
  return at_us
end

local function begins_add(kind, id, cps, at_us)
  local key = key_begins(kind, id)
  redis.call('RPUSH', key, fmt(at_us))
  redis.call('LTRIM', key, -cps, -1)
  redis.call('PEXPIRE', key, BEGINS_TTL_MS)
end
