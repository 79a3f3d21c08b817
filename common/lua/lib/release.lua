-- @include call.lua
-- @include pace.lua
-- What a claimed call that is not begun gives back.

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
  return slot_ms <= NOW_MS + CLAIM_AHEAD_MS and math.max(at_ms, slot_ms) or at_ms
end

-- claimed -> due. Nothing was begun, so nothing is charged; but its turn is used up where it could not begin by its tenant's
-- own doing (`is_own`). Given back, every turn would be that tenant's as long as it has such calls.
local function call_release(batch, call, at_ms, is_own)
  local member, owner = call_member(batch, call), call.w
  zset.score(key_retry(batch.id), call.name) -- fails where it is none, before the call has left where it lay
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
