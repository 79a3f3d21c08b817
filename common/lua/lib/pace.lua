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

-- After a clock step a TAT could lie hours ahead. Whether it did.
local function pace_clip(resource, horizon_us)
  local latest = NOW_US + horizon_us + resource.interval_us
  if not resource.tat_us or resource.tat_us <= latest then
    return false
  end
  resource.tat_us, resource.free_us = latest, latest
  return true
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

-- A retry that was claimed for a slot ahead of us was perhaps not due before it: given back, with its places of the rates, it
-- is not due before it either. A slot farther ahead than claims reach is of a clock that was set back since.
local function due_from_slot(at_ms, slot_us)
  local slot_ms = math.floor(tonumber(slot_us) / 1000)
  return slot_ms <= NOW_MS + TAIL_AHEAD_MS and math.max(at_ms, slot_ms) or at_ms
end

-- claimed -> due. Nothing was begun, so nothing is charged; but its turn is used up where it could not begin by its tenant's
-- own doing (`is_own`). Given back, every turn would be that tenant's as long as it has such calls.
local function call_release(batch, call, at_ms, is_own)
  local member, owner = call_member(batch, call), call.w
  at_ms = due_from_slot(at_ms, call.q)
  call.n, call.w, call.q = at_ms, nil, nil
  call_move(batch, call, 'release')
  call_let_go(batch, call)
  call_write(call)
  claim_refund_places(batch)
  retry_add(batch, call, at_ms)
  zset.drop(KEY_CLAIMED, member .. '/' .. owner)
  if not is_own then
    claim_refund_turn(batch)
  end
end

-- ---- the log of begins: at most `cps` in any sliding second, whatever the workers do ----
-- begins:<resource> is a list of when its last `cps` calls, or more, were begun. A script reads from it what it needs, and
-- appends all that it begins at once, with commit().
local begins = { SECOND_US = 1000000, RENEW_US = 2000000, TTL_MS = 4000, AHEAD = 64, logs = {} }

-- The log of a trunk ('k'), a tenant ('t') or a batch ('b'). last: the latest begin; old: what Redis has at the ranks from
-- `from` on; n: how many there are; added: by this script.
function begins.of(kind, resource)
  local log = begins.logs[resource]
  if log then
    return log
  end
  local key, cps = key_begins(kind, resource.id), resource.cps
  log = { key = key, cps = cps, n = 0, from = 0, old = {}, added = {} }
  begins.logs[resource] = log
  log.last = tonumber(redis.call('LINDEX', key, -1) or nil)
  if log.last and log.last > NOW_US + begins.SECOND_US then
    redis.call('DEL', key) -- the clock stepped back: what the log holds lies in a future that will not come so soon
    log.last = nil
  end
  log.was_last = log.last
  if log.last and log.last + begins.SECOND_US >= NOW_US then -- what is older does not count any more
    log.n = redis.call('LLEN', key)
    log.from = math.max(0, log.n - cps)
    if log.n + begins.AHEAD > cps then
      log.old = redis.call('LRANGE', key, log.from, log.from + begins.AHEAD - 1)
    end
  end
  return log
end

-- The earliest instant, not before `at`, at which one more begin keeps the rate.
function begins.earliest(log, at_us)
  local last = log.last
  if not last then
    return at_us
  end
  if last > at_us then
    at_us = last
  end
  local rank = log.n + #log.added - log.cps
  if rank >= 0 then
    local nth = rank < log.n and log.old[rank - log.from + 1] or log.added[rank - log.n + 1]
    at_us = math.max(at_us, tonumber(nth) + begins.SECOND_US + 1)
  end
  return at_us
end

function begins.add(log, at_us)
  log.last = at_us
  log.added[#log.added + 1] = at_us
end

on_commit(function()
  for _, log in pairs(begins.logs) do
    if #log.added > 0 then
      local texts = {}
      for i, at_us in ipairs(log.added) do
        texts[i] = fmt(at_us)
      end
      local n = redis.call('RPUSH', log.key, unpack(texts))
      if n > 2 * log.cps + begins.AHEAD then
        redis.call('LTRIM', log.key, -log.cps, -1)
      end
      -- It lives on for twice as long as it counts at least, by one command in two seconds.
      if not log.was_last or math.floor(log.was_last / begins.RENEW_US) ~= math.floor(log.last / begins.RENEW_US) then
        redis.call('PEXPIRE', log.key, begins.TTL_MS)
      end
    end
  end
  begins.logs = {}
end)
