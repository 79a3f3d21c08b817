-- @include call.lua
-- @include pause.lua
-- Credit is seconds of talk. A tenant has `available_s` left, and its live dials hold `reserved_s`; one without available_s
-- has no limit, and costs nothing here. A call's `r` is what its last dial has of it: reserved while the call is live, and
-- from its end on what it was charged. reserved_s is the sum over the live calls. available_s is never below 0: what a
-- platform let a call talk beyond its reservation is charged as far as there is credit.
local credit = {}
credit.LEAST_S = 60 -- a dial begins on no less

-- What a dial of the batch may use up: as long as it may talk.
function credit.wanted(batch)
  return math.max(credit.LEAST_S, batch.talk_s or 1800)
end

function credit.is_short(batch)
  local tenant = resource_load('t', batch.tenant)
  return tenant ~= nil and tenant.available_s ~= nil and tenant.available_s < credit.LEAST_S
end

-- A dial begins: as much of what it wants as there is.
function credit.reserve(batch, call)
  local tenant = resource_load('t', batch.tenant)
  call.r = nil
  if tenant and tenant.available_s then
    call.r = math.min(credit.wanted(batch), tenant.available_s)
    tenant.available_s = tenant.available_s - call.r
    tenant.reserved_s = tenant.reserved_s + call.r
  end
end

-- Charges the call's last dial with `used_s` instead of what it has. Before the phase is moved.
function credit.charge(batch, call, used_s)
  local tenant, has_s = resource_load('t', batch.tenant), tonumber(call.r) or 0
  if not tenant then
    return
  end
  if call.phase == 'live' then
    tenant.reserved_s = tenant.reserved_s - has_s
  end
  call.r = used_s
  if tenant.available_s then
    local was_short = tenant.available_s < credit.LEAST_S
    call.r = math.min(used_s, tenant.available_s + has_s)
    tenant.available_s = tenant.available_s + has_s - call.r
    if was_short and tenant.available_s >= credit.LEAST_S and redis.call('EXISTS', key_unfunded(tenant.id)) == 1 then
      redis.call('ZADD', KEY_FUNDED, fmt(NOW_MS), tenant.id)
    end
  end
end

-- The dial was not placed: it costs nothing.
function credit.refund(batch, call)
  if call.r then
    credit.charge(batch, call, 0)
    call.r = nil
  end
end

-- Outcomes that may have talked for longer than is known: without a duration the reservation stays charged.
credit.TALKED = { COMPLETED = true, VOICEMAIL = true, UNKNOWN = true }

-- The dial's result is in its state: it is charged by its duration. Again with a later word about it, which corrects. A dial
-- that was given back, and was placed after all, has nothing reserved and is charged all the same.
function credit.settle(batch, call, was_given_back)
  local tenant = was_given_back and resource_load('t', batch.tenant)
  if call.r or (tenant and tenant.available_s) then
    credit.charge(batch, call, math.ceil(tonumber(call.u) or (credit.TALKED[call.x] and tonumber(call.r)) or 0))
  end
end

-- The tenant has less left than a dial begins on: the batch waits for more. It is told so once, however often credit comes
-- back from calls that end and is used up again; once more after credit was set or added to (`topups` counts that).
function credit.pause(batch)
  local topups = redis.call('HGET', key_tenant(batch.tenant), 'topups') or '0'
  local was_told = redis.call('HGET', key_batch(batch.id), 'topup_told') == topups
  if batch_pause(batch, CREDITS, was_told) and not was_told then
    redis.call('HSET', key_batch(batch.id), 'topup_told', topups)
    event_write(batch, 'batch.failed', fmt(batch.pauses) .. '-',
      { 'error', 'Insufficient call minutes', 'code', 'INSUFFICIENT_CREDITS' })
  end
end

-- Credit came: batches that wait for it go on, the longest waiting first, at most `most`. How many. The tenant stays listed
-- as long as there are more and its credit suffices. `written`: called behind each, to commit() what was done.
function credit.resume(tenant_id, most, written)
  local tenant, key = resource_load('t', tenant_id), key_unfunded(tenant_id)
  local waiting = {}
  if tenant and (tenant.available_s or credit.LEAST_S) >= credit.LEAST_S then
    waiting = redis.call('ZRANGE', key, 0, most - 1)
  end
  for _, batch_id in ipairs(waiting) do
    local batch = batch_load(batch_id)
    if batch then
      batch_resume(batch)
    end
    redis.call('ZREM', key, batch_id)
    written()
  end
  if #waiting < most then
    redis.call('ZREM', KEY_FUNDED, tenant_id)
  end
  return #waiting
end
