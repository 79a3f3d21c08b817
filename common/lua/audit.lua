#!lua flags=no-writes
-- Checks a piece of a cell against the invariants of docs/redis-keys.md. Reads only. Each piece is bounded, and consistent
-- in itself because a script is atomic; `carillon audit` walks through all pieces.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  piece, and its arguments:
--          "claimed" | "live" | "ended", offset, most       members against the calls they name
--          "appending", offset, most                        batches that are appended to
--          "trunk", id[, offset, most]                      the trunk, and so many of its flows, of those that wait and of
--                                                           those that have their turn
--          "tenant", id, offset, most                       numbers on a call (of more than 5,000 only a sample), calls held
--                                                           for them, and its credit where at most 100 are on their way
--          "flying", "k"|"t"|"b", id, offset, most          who holds concurrency
--          "batch", id                                      sums, lane, pace
--          "calls", batch, first bucket, buckets            each call's phase against where it lies
-- Returns  {is there more (0|1), counts as text, fault, ...}; a fault is "<invariant> <what>"
--          counts: for "batch" the counters, for "calls" how many calls were found in each phase
-- Errors   ERR_INVALID, ERR_NOT_FOUND
-- Bound    O(most) or O(buckets * 64): 60 commands, and 10 for each member or call
-- @include lib/call.lua
-- @include lib/credit.lua
local MOST = 5000
local CREDIT_MOST = 100
local HELD_GRACE_MS = 6000 -- a lost wake is found by the reconcile within 2 s
local TAT_SLACK_US = 1500000
local AHEAD_MS = 1000 -- more than the horizon of any claim
local faults = {}
local function fault(invariant, what)
  if #faults < 100 then
    faults[#faults + 1] = invariant .. ' ' .. what
  end
end

local function reply_with(more, counts)
  local reply = { more and 1 or 0, counts or '' }
  for _, text in ipairs(faults) do
    reply[#reply + 1] = text
  end
  return reply
end

local function split_member(member)
  local batch_id, ordinal, dial, owner = member:match('^([^/]+)/(%d+)/(%d+)/?(.*)$')
  return batch_id, tonumber(ordinal), tonumber(dial), owner
end

-- The call that a member names, or nil with a fault told.
local function named_call(set, member)
  local batch_id, ordinal, dial, owner = split_member(member)
  local batch = batch_id and batch_load(batch_id)
  if not batch then
    fault('member_names_a_call', set .. ' ' .. member)
    return nil
  end
  return batch, call_read(batch, ordinal), dial, owner
end

-- ---- claimed, live, ended: each member is a call in that phase ----

local function check_members(set, key, offset, most)
  local members = redis.call('ZRANGE', key, offset, offset + most - 1)
  for _, member in ipairs(members) do
    local batch, call, dial, owner = named_call(set, member)
    if batch and (call.phase ~= set or (set == 'claimed' and (call.d ~= dial or call.w ~= owner))
      or (set ~= 'claimed' and call.l ~= dial)) then
      fault('phase_matches_set', set .. ' ' .. member .. ' is ' .. call.phase)
    end
  end
  return reply_with(#members == most)
end

-- ---- appending: each that is listed has its leases ----

local function check_appending(offset, most)
  local listed = redis.call('ZRANGE', KEY_APPENDING, offset, offset + most - 1, 'WITHSCORES')
  for i = 1, #listed, 2 do
    local last = redis.call('ZRANGE', key_appending(listed[i]), -1, -1, 'WITHSCORES')
    if last[2] ~= listed[i + 1] then
      fault('appending_has_its_leases', listed[i])
    end
  end
  return reply_with(#listed == 2 * most)
end

-- ---- a trunk and its flows ----

local function flow_places(trunk_id, tenant_id)
  local places = {}
  if redis.call('ZSCORE', key_flows_waiting(trunk_id), tenant_id) then places[#places + 1] = 'waiting' end
  if redis.call('ZSCORE', key_flows_turn(trunk_id), tenant_id) then places[#places + 1] = 'turn' end
  if redis.call('ZSCORE', key_parked_flows(tenant_id), trunk_id) then places[#places + 1] = 'parked' end
  return places
end

local function check_flow(trunk_id, tenant_id)
  local lanes = redis.call('ZCARD', key_lanes_waiting(trunk_id, tenant_id))
    + redis.call('ZCARD', key_lanes_ready(trunk_id, tenant_id))
  local places = flow_places(trunk_id, tenant_id)
  local name = trunk_id .. '/' .. tenant_id
  if lanes > 0 and #places ~= 1 then
    fault('flow_in_one_place', name .. ' with ' .. lanes .. ' lanes is in [' .. table.concat(places, ' ') .. ']')
  elseif lanes == 0 and #places > 0 then
    fault('flow_without_lanes_is_nowhere', name .. ' is in [' .. table.concat(places, ' ') .. ']')
  end
end

local function check_pace(name, resource)
  if resource.tat_us and resource.interval_us and resource.tat_us > NOW_US + resource.interval_us + TAT_SLACK_US then
    fault('tat_within_bounds', name .. ' lies ' .. fmt((resource.tat_us - NOW_US) / 1000) .. ' ms ahead')
  end
end

-- Closed, it leaves nothing; not closed, it lets a call begin within five minutes.
local function check_breaker(id)
  local fields = {}
  for _, field in ipairs({ 'breaker', 'breaker_until_ms', 'breaker_since_ms', 'breaker_reason', 'breaker_wait_ms',
    'breaker_probe' }) do
    fields[field] = redis.call('HGET', key_trunk(id), field) or nil
  end
  local state = fields.breaker or (next(fields) and 'torn') or 'closed'
  local is_whole = fields.breaker_until_ms and fields.breaker_since_ms and fields.breaker_reason and fields.breaker_wait_ms
  local has_probe = fields.breaker_probe ~= nil
  if state ~= 'closed' and not (is_whole and (state == 'open' or state == 'probing') and has_probe == (state == 'probing')) then
    fault('breaker_is_whole', id .. ' is ' .. state)
  elseif is_whole and tonumber(fields.breaker_wait_ms) > breaker.AHEAD_MS then
    fault('breaker_wait_within_bounds', id .. ' waits ' .. fields.breaker_wait_ms .. ' ms')
  end
end

local function check_trunk(id, offset, most)
  local trunk = resource_load('k', id)
  if not trunk then
    return redis.error_reply('ERR_NOT_FOUND trunk')
  end
  check_pace('trunk ' .. id, trunk)
  check_breaker(id)
  local waiting = redis.call('ZRANGE', key_flows_waiting(id), offset, offset + most - 1)
  for _, tenant_id in ipairs(waiting) do
    check_flow(id, tenant_id)
  end
  local turn = redis.call('ZRANGE', key_flows_turn(id), offset, offset + most - 1, 'WITHSCORES')
  for i = 1, #turn, 2 do
    check_flow(id, turn[i])
    if tonumber(turn[i + 1]) > 4503599627370496 or tonumber(turn[i + 1]) < trunk.vfloor - 1000 * VT_UNIT then
      fault('vt_within_bounds', id .. '/' .. turn[i] .. ' ' .. turn[i + 1])
    end
  end
  local flows = redis.call('ZCARD', key_flows_waiting(id)) + redis.call('ZCARD', key_flows_turn(id))
  local is_listed = redis.call('ZSCORE', KEY_TRUNKS, id)
  if flows > 0 and trunk.state == 'active' and not trunk.held and not is_listed then
    fault('trunk_with_work_is_listed', id)
  elseif is_listed and (trunk.held or trunk.state ~= 'active') then
    fault('held_trunk_is_not_listed', id)
  elseif trunk.held and not redis.call('ZSCORE', KEY_PARKED, 'k/' .. id) then
    fault('full_trunk_is_reconciled', id)
  end
  return reply_with(#waiting == most or #turn == 2 * most)
end

-- ---- one call at a time per number ----

local function check_dialing(tenant_id, offset, most)
  local key = key_dialing(tenant_id)
  local is_whole = redis.call('HLEN', key) <= MOST
  local fields = is_whole and redis.call('HKEYS', key) or redis.call('HRANDFIELD', key, offset + most)
  for i = offset + 1, math.min(offset + most, #fields) do
    local member = redis.call('HGET', key, fields[i])
    local batch, call, dial = named_call('dialing', member)
    if batch and not ((call.phase == 'claimed' or call.phase == 'live') and call.d == dial and call.t == fields[i]) then
      fault('dialing_is_on_its_way', tenant_id .. ' ' .. member .. ' is ' .. call.phase)
    end
  end
  return is_whole and #fields > offset + most
end

local function check_held(tenant_id, offset, most)
  local members = redis.call('ZRANGE', key_held(tenant_id), offset, offset + most - 1)
  for _, member in ipairs(members) do
    local number, since, batch_id, ordinal = member:match('^(%d+)/(%d+)/([^/]+)/(%d+)$')
    local batch = batch_id and batch_load(batch_id)
    if not batch then
      fault('member_names_a_call', 'held ' .. member:gsub('^%d+', 'number'))
    else
      local name = batch_id .. '-' .. ordinal
      if call_read(batch, tonumber(ordinal)).phase ~= 'due' then
        fault('held_is_due', name)
      end
      if redis.call('ZSCORE', key_retry(batch_id), ordinal) then
        fault('due_in_one_place', name .. ' is held and in the retries')
      end
      if redis.call('HEXISTS', key_dialing(tenant_id), number) == 0 and NOW_MS - tonumber(since) > HELD_GRACE_MS
        and not redis.call('ZSCORE', KEY_PARKED, 'h/' .. tenant_id) then
        fault('held_is_reconciled', name)
      end
    end
  end
  return #members == most
end

-- What is reserved is what the live calls hold.
local function check_credit(tenant)
  local key = key_flying('t', tenant.id)
  local is_short = tenant.available_s and tenant.available_s < credit.LEAST_S
  if not is_short and redis.call('EXISTS', key_unfunded(tenant.id)) == 1 and not redis.call('ZSCORE', KEY_FUNDED, tenant.id) then
    fault('credit_reaches_who_waits', tenant.id)
  end
  if (not tenant.available_s and tenant.reserved_s == 0) or redis.call('ZCARD', key) > CREDIT_MOST then
    return
  end
  local held_s = 0
  for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local batch, call = named_call('flying', member)
    if batch and call.phase == 'live' then
      held_s = held_s + (tonumber(call.r) or 0)
    end
  end
  if held_s ~= tenant.reserved_s then
    fault('reserved_credit_is_held', tenant.id .. ' reserves ' .. fmt(tenant.reserved_s) .. ' s, its live calls hold ' ..
      fmt(held_s))
  end
  if tenant.available_s and tenant.available_s < 0 then
    fault('credit_is_not_negative', tenant.id .. ' has ' .. fmt(tenant.available_s) .. ' s')
  end
end

local function check_tenant(id, offset, most)
  local tenant = resource_load('t', id)
  if not tenant then
    return redis.error_reply('ERR_NOT_FOUND tenant')
  end
  check_pace('tenant ' .. id, tenant)
  if redis.call('ZCARD', key_parked_flows(id)) > 0 and not redis.call('ZSCORE', KEY_PARKED, 't/' .. id) then
    fault('parked_flow_is_reconciled', id)
  end
  if offset == 0 then
    check_credit(tenant)
  end
  local more_dialing = check_dialing(id, offset, most)
  local more_held = check_held(id, offset, most)
  return reply_with(more_dialing or more_held)
end

-- ---- concurrency: who is counted is on its way ----

local function check_flying(kind, id, offset, most)
  local key = key_flying(kind, id)
  local members = redis.call('ZRANGE', key, '(' .. fmt(NOW_MS), '+inf', 'BYSCORE', 'LIMIT', offset, most)
  for _, member in ipairs(members) do
    local batch, call, dial = named_call('flying', member)
    if batch then
      local owner = kind == 'k' and batch.trunk or kind == 't' and batch.tenant or batch.id
      if owner ~= id or call.d ~= dial or (call.phase ~= 'claimed' and call.phase ~= 'live') then
        fault('flying_is_on_its_way', kind .. '/' .. id .. ' ' .. member .. ' is ' .. call.phase)
      end
    end
  end
  return reply_with(#members == most)
end

-- ---- a batch: its sums and its lane ----

local function lane_places(batch)
  local lane, places = batch.id .. '/' .. LANE, {}
  if redis.call('ZSCORE', key_lanes_waiting(batch.trunk, batch.tenant), lane) then places[#places + 1] = 'waiting' end
  if redis.call('ZSCORE', key_lanes_ready(batch.trunk, batch.tenant), lane) then places[#places + 1] = 'ready' end
  if redis.call('ZSCORE', key_parked_lanes(batch.id), lane) then places[#places + 1] = 'parked' end
  return places
end

local function check_lane(batch)
  local places = lane_places(batch)
  local has_work = SCHEDULABLE[batch.state] and batch.sealed == '1' and not batch.expired_ms and lane_due_ms(batch) ~= nil
  local where = batch.id .. ' (' .. batch.state .. ') is in [' .. table.concat(places, ' ') .. ']'
  -- What is not known to open again, seen from where a claim may have looked, is nowhere: its hours or its expiry bring it
  -- back or end it.
  if has_work and #places ~= 1 and (#places > 1 or lane_opening_ms(batch, NOW_MS + AHEAD_MS)) then
    fault('lane_in_one_place', where)
  elseif not has_work and #places > 0 then
    fault('lane_without_work_is_nowhere', where)
  end
  if #places == 1 and places[1] == 'parked' and not redis.call('ZSCORE', KEY_PARKED, 'b/' .. batch.id) then
    fault('parked_lane_is_reconciled', batch.id)
  end
  check_flow(batch.trunk, batch.tenant)
end

-- ---- a batch's window and its expiry ----

local function check_listed(batch, key, at_ms, slack_ms, invariant)
  local listed = tonumber(redis.call('ZSCORE', key, batch.id) or nil)
  if (listed == nil) ~= (at_ms == nil) or (listed and math.abs(listed - at_ms) > slack_ms) then
    fault(invariant, batch.id .. ' is listed at ' .. (listed and fmt(listed) or 'no time') .. ', not ' ..
      (at_ms and fmt(at_ms) or 'at none'))
  end
end

local function check_times(batch)
  local awaits, last_ms = batch_awaits_time(batch), -1
  local renewal_ms = awaits and batch_renewal_ms(batch) or nil
  check_listed(batch, KEY_EXPIRIES, awaits and batch_expiry_ms(batch) or nil, 0, 'expiry_is_listed')
  -- One that is due has been handed to a worker for a while.
  check_listed(batch, KEY_HOURS, renewal_ms, renewal_ms and renewal_ms <= NOW_MS and math.huge or 0, 'hours_are_renewed')
  for _, stretch in ipairs(batch.hours and batch_hours(batch) or {}) do
    if stretch.open <= last_ms or stretch.close <= stretch.open then
      fault('hours_are_apart', batch.id .. ' opens at ' .. fmt(stretch.open))
    end
    last_ms = stretch.close
  end
end

-- With leases the batch is listed, so that the last of them ends it; an ended one has none.
local function check_leases(batch)
  local has_leases = redis.call('EXISTS', key_appending(batch.id)) == 1
  local is_listed = redis.call('ZSCORE', KEY_APPENDING, batch.id)
  if has_leases and not (is_listed and takes_more(batch)) then
    fault('appending_is_reconciled', batch.id .. ' is ' .. batch.state)
  end
  return is_listed
end

-- What waits for credit is found when credit comes.
local function check_pause(batch)
  local wants_credit = batch.state == 'paused' and redis.call('HGET', key_batch(batch.id), 'reason') == 'credits'
  local is_listed = redis.call('ZSCORE', key_unfunded(batch.tenant), batch.id)
  if wants_credit ~= (is_listed and true or false) then
    fault('unfunded_is_listed', batch.id .. ' is ' .. batch.state .. (is_listed and ', and listed' or ', and not listed'))
  end
end

local function check_batch(id)
  local batch = batch_load(id)
  if not batch then
    return redis.error_reply('ERR_NOT_FOUND batch')
  end
  local on_the_way = batch.due + batch.claimed + batch.live + batch.ended
  if batch.sealed == '1' and on_the_way + batch.succeeded + batch.failed ~= batch.total then
    fault('sums_to_total', id)
  end
  local outcomes, fields = 0, redis.call('HGETALL', key_batch(id))
  for i = 1, #fields, 2 do
    if fields[i]:match('^outcome:') then
      outcomes = outcomes + tonumber(fields[i + 1])
    end
  end
  if outcomes ~= batch.succeeded + batch.failed then
    fault('outcomes_sum_to_final', id)
  end
  local is_appended = check_leases(batch)
  if ENDED_STATES[batch.state] and batch.state ~= 'failed' and on_the_way > 0 then
    fault('ended_batch_is_over', id)
  elseif batch.sealed == '1' and on_the_way == 0 and not is_appended and not ENDED_STATES[batch.state] then
    fault('finished_batch_has_ended', id .. ' is ' .. batch.state)
  end
  check_pace('batch ' .. id, batch)
  check_lane(batch)
  check_times(batch)
  check_pause(batch)
  if batch.sealed ~= '1' then
    batch.due = batch.total -- a draft's contacts, which are counted when it is started
  end
  local counts = {}
  for _, field in ipairs({ 'total', 'cursor', 'due', 'claimed', 'live', 'ended', 'succeeded', 'failed', 'cancelled', 'expired',
    'attempts', 'dials' }) do
    counts[#counts + 1] = field .. '=' .. fmt(batch[field])
  end
  return reply_with(false, table.concat(counts, ' '))
end

-- ---- the calls of a batch, bucket by bucket ----

local counts = { due = 0, claimed = 0, live = 0, ended = 0, succeeded = 0, failed = 0, cut = 0, attempts = 0 }

local function is_held(batch, ordinal)
  local record = redis.call('HGET', key_bucket(batch.id, 'contacts', ordinal), fmt(ordinal))
  local number = contact_phone(record) or ''
  local tail = '/' .. batch.id .. '/' .. fmt(ordinal)
  for _, member in ipairs(redis.call('ZRANGEBYLEX', key_held(batch.tenant), '[' .. number .. '/', '(' .. number .. '0')) do
    if member:sub(-#tail) == tail then
      return true
    end
  end
  return false
end

local function check_on_its_way(batch, call, name)
  local member = call_member(batch, call)
  local set = call.phase == 'claimed' and KEY_CLAIMED or KEY_LIVE
  if not redis.call('ZSCORE', set, call.phase == 'claimed' and member .. '/' .. (call.w or '') or member) then
    fault('phase_matches_set', name .. ' is ' .. call.phase .. ' and not in its set')
  end
  for _, pair in ipairs({ { 'k', batch.trunk }, { 't', batch.tenant }, { 'b', batch.id } }) do
    if not redis.call('ZSCORE', key_flying(pair[1], pair[2]), member) then
      fault('on_its_way_holds_concurrency', name .. ' ' .. pair[1] .. '/' .. pair[2])
    end
  end
  if redis.call('HGET', key_dialing(batch.tenant), call.t or '') ~= member then
    fault('on_its_way_holds_its_number', name)
  end
end

local function check_call(batch, call, is_cut)
  local name = batch.id .. '-' .. fmt(call.ordinal)
  counts.attempts = counts.attempts + call.a
  if batch.expires_ms and call.b and tonumber(call.b) >= batch.expires_ms then
    fault('begun_before_expiry', name .. ' was begun at ' .. call.b)
  end
  local in_retry = redis.call('ZSCORE', key_retry(batch.id), fmt(call.ordinal))
  if call.is_fresh and call.ordinal >= batch.cursor then
    if is_cut then
      counts.cut = counts.cut + 1
    else
      counts.due = counts.due + 1
    end
    if in_retry then
      fault('due_in_one_place', name .. ' is fresh and in the retries')
    end
  elseif call.phase == 'due' then
    counts.due = counts.due + 1
    if not in_retry and not is_held(batch, call.ordinal) then
      fault('due_waits_somewhere', name)
    end
  else
    if in_retry then
      fault('due_in_one_place', name .. ' is ' .. call.phase .. ' and in the retries')
    end
    if call.phase == 'final' then
      local counter = SUCCEEDED[call.x or ''] and 'succeeded' or 'failed'
      counts[counter] = counts[counter] + 1
    elseif call.phase == 'ended' then
      counts.ended = counts.ended + 1
      if not redis.call('ZSCORE', KEY_ENDED, batch.id .. '/' .. fmt(call.ordinal) .. '/' .. fmt(call.l)) then
        fault('phase_matches_set', name .. ' is ended and not in its set')
      end
    else
      counts[call.phase] = counts[call.phase] + 1
      check_on_its_way(batch, call, name)
    end
  end
end

local function check_calls(id, first, buckets)
  local batch = batch_load(id)
  if not batch then
    return redis.error_reply('ERR_NOT_FOUND batch')
  end
  local is_cut = batch_is_cut(batch)
  local last = math.min(batch.total, (first + buckets) * BUCKET) - 1
  for ordinal = first * BUCKET, last do
    if redis.call('HEXISTS', key_bucket(id, 'contacts', ordinal), fmt(ordinal)) == 0 then
      fault('contact_is_kept', id .. '-' .. fmt(ordinal))
    end
    check_call(batch, call_read(batch, ordinal), is_cut)
  end
  local text = {}
  for name, n in pairs(counts) do
    text[#text + 1] = name .. '=' .. fmt(n)
  end
  return reply_with(last + 1 < batch.total, table.concat(text, ' '))
end

local piece = ARGV[1]
local SETS = { claimed = KEY_CLAIMED, live = KEY_LIVE, ended = KEY_ENDED }
local function number_at(i)
  local number = check_number(ARGV[i], 'argument')
  if number < 0 or number > 100000000 then
    fail('ERR_INVALID argument')
  end
  return number
end
if SETS[piece] then
  return check_members(piece, SETS[piece], number_at(2), math.min(number_at(3), MOST))
elseif piece == 'appending' then
  return check_appending(number_at(2), math.min(number_at(3), MOST))
elseif piece == 'trunk' then
  local offset, most = ARGV[3] and number_at(3) or 0, ARGV[4] and number_at(4) or MOST
  return check_trunk(check_id(ARGV[2], 64, 'trunk'), offset, math.min(most, MOST))
elseif piece == 'tenant' then
  return check_tenant(check_id(ARGV[2], 64, 'tenant'), number_at(3), math.min(number_at(4), MOST))
elseif piece == 'flying' and (ARGV[2] == 'k' or ARGV[2] == 't' or ARGV[2] == 'b') then
  return check_flying(ARGV[2], check_id(ARGV[3], 64, 'id'), number_at(4), math.min(number_at(5), MOST))
elseif piece == 'batch' then
  return check_batch(check_id(ARGV[2], 48, 'batch'))
elseif piece == 'calls' then
  return check_calls(check_id(ARGV[2], 48, 'batch'), number_at(3), math.min(number_at(4), 16))
end
return redis.error_reply('ERR_INVALID piece')
