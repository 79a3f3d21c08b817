#!lua flags=no-writes
-- Tells a tenant of its deliveries. They are not kept in one list: what is under way lies in the shard's inflight set, what
-- waits in its endpoint's queue, what was given up in its list of dead ones, what was delivered in its attempt log.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  "list" or "one"
-- ARGV[2]  tenant
-- ARGV[3]  one: delivery id
--          list: endpoint id, or "" for all of the tenant's
-- ARGV[4]  one: entries of the attempt log to look through
--          list: a state, or "" for all: in_flight, pending, retrying, dead, delivered, told in this order
-- ARGV[5+] list: an event's id, or ""; where the list goes on, or ""; the most deliveries to tell; the most entries to look
--          at; the tenant's event shard
-- Returns  one: { { field, value, ... }, { { field, value, ... }, ... } }: the delivery, its attempts, the first first
--          list: { where it goes on, or "" at its end, { delivery id, { field, value, ... } }, ... }. One that was delivered so
--          long ago that only the log knows it has endpoint, state, attempts, last and ended_ms
-- Errors   ERR_NOT_FOUND: no such delivery, or endpoint, of this tenant. ERR_INVALID: verb, or a place that this did not give
-- Bound    O(entries looked at)
-- @include lib/hook.lua

local verb, tenant = ARGV[1], ARGV[2]
local PART = 64
local SECTIONS = { 'inflight', 'queue', 'dead', 'log' }
local IN_SET, IN_STREAM = '^%d+%.?%d* %S+$', '^%d+%-%d+$'
local PLACE_IN = { inflight = IN_SET, queue = IN_SET, dead = IN_SET, log = IN_STREAM }
local SECTION_OF = { in_flight = 'inflight', pending = 'queue', retrying = 'queue', dead = 'dead', delivered = 'log' }

local function is_owned(endpoint)
  return redis.call('HGET', hook.key_endpoint(endpoint), 'tenant') == tenant
end

local function one(id, most)
  local flat = redis.call('HGETALL', hook.key_delivery(id))
  local endpoint = hook.field_of(flat, 'endpoint')
  if not endpoint or not is_owned(endpoint) then
    return redis.error_reply('ERR_NOT_FOUND delivery')
  end
  local attempts = {}
  for _, entry in ipairs(redis.call('XREVRANGE', hook.key_log(endpoint), '+', '-', 'COUNT', most)) do
    if hook.field_of(entry[2], 'event') == id then
      table.insert(attempts, 1, entry[2])
    end
  end
  return { flat, attempts }
end

local state, event, most, looks, shard = ARGV[4], ARGV[5], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local rows, told, place = {}, {}, ''

-- What is listed may have no record any more: those of dead ones go by themselves.
local function tell(id, flat)
  if #flat > 0 and not told[id] and (state == '' or hook.field_of(flat, 'state') == state) then
    told[id] = true
    rows[#rows + 1] = { id, flat }
  end
end

local function is_enough()
  return #rows >= most or looks <= 0
end

-- The member of that score that a place names. Where members are digested, a place holds only that of one.
local function member_of(key, score, name, digest)
  if not digest then
    return name
  end
  for _, member in ipairs(redis.call('ZRANGE', key, score, score, 'BYSCORE')) do
    if digest(member) == name then
      return member
    end
  end
  return ''
end

-- Walks a sorted set from behind `at` ("score name"), in its order or from its end; `visit` gets the members.
local function walk_set(key, is_reverse, at, mark, visit, digest)
  local start = 0
  local score, name = string.match(at, '^(%S+) (%S+)$')
  if name then
    local rank = redis.call('ZRANK', key, member_of(key, score, name, digest))
    if rank then
      start = is_reverse and redis.call('ZCARD', key) - rank or rank + 1
    elseif is_reverse then
      start = redis.call('ZCOUNT', key, '(' .. score, '+inf')
    else
      start = redis.call('ZCOUNT', key, '-inf', '(' .. score)
    end
  end
  while not is_enough() do
    local part = is_reverse and redis.call('ZRANGE', key, start, start + PART - 1, 'REV', 'WITHSCORES')
      or redis.call('ZRANGE', key, start, start + PART - 1, 'WITHSCORES')
    for i = 1, #part, 2 do
      if is_enough() then
        return
      end
      visit(part[i])
      mark(part[i + 1] .. ' ' .. (digest and digest(part[i]) or part[i]))
    end
    if #part < 2 * PART then
      return
    end
    start = start + PART
  end
end

local walk = {}

-- A shard's claims are of many tenants, and places are told: they must not name another's.
function walk.inflight(endpoint, at, mark)
  walk_set(hook.key_inflight(shard), false, at, mark, function(member)
    local owner, id = string.match(member, '^([^/]+)/([^/]+)/')
    if owner == endpoint then
      tell(id, redis.call('HGETALL', hook.key_delivery(id)))
    end
  end, redis.sha1hex)
end

function walk.queue(endpoint, at, mark)
  walk_set(hook.key_queue(endpoint), false, at, mark, function(id)
    tell(id, redis.call('HGETALL', hook.key_delivery(id)))
  end)
end

function walk.dead(endpoint, at, mark)
  walk_set(hook.key_dead(endpoint), true, at, mark, function(id)
    tell(id, redis.call('HGETALL', hook.key_delivery(id)))
  end)
end

local function tell_delivered(endpoint, line)
  local id = hook.field_of(line, 'event')
  local flat = redis.call('HGETALL', hook.key_delivery(id))
  if #flat == 0 then
    local attempt = hook.field_of(line, 'attempt')
    flat = { 'endpoint', endpoint, 'state', 'delivered', 'attempts', attempt, 'last', attempt .. ':ok', 'ended_ms',
      fmt(hook.field_of(line, 'began_ms') + hook.field_of(line, 'took_ms')) }
  elseif hook.field_of(flat, 'state') ~= 'delivered' then
    return -- it is sent again, and told where it is now
  end
  tell(id, flat)
end

function walk.log(endpoint, at, mark)
  local before = at == '' and '+' or '(' .. at
  while not is_enough() do
    local part = redis.call('XREVRANGE', hook.key_log(endpoint), before, '-', 'COUNT', PART)
    for _, entry in ipairs(part) do
      if is_enough() then
        return
      end
      if hook.field_of(entry[2], 'code') == 'ok' then
        tell_delivered(endpoint, entry[2])
      end
      mark(entry[1])
      before = '(' .. entry[1]
    end
    if #part < PART then
      return
    end
  end
end

local function endpoints_of(endpoint)
  if endpoint ~= '' then
    return { endpoint }
  end
  local flat, ids = redis.call('HGETALL', P .. 'hooks:endpoints:t/' .. tenant), {}
  for i = 2, #flat, 2 do
    ids[#ids + 1] = flat[i]
  end
  table.sort(ids)
  return ids
end

local function list(endpoint, from)
  local from_endpoint, from_section, at = string.match(from, '^(%S+) (%a+) ?(.*)$')
  if from ~= '' and not (from_endpoint and walk[from_section] and (at == '' or string.find(at, PLACE_IN[from_section]))) then
    return redis.error_reply('ERR_INVALID place')
  end
  local is_reached = from == ''
  for _, id in ipairs(endpoints_of(endpoint)) do
    for _, section in ipairs(SECTIONS) do
      local is_here = id == from_endpoint and section == from_section
      is_reached = is_reached or is_here or (from_endpoint and id > from_endpoint)
      if is_reached and (state == '' or SECTION_OF[state] == section) then
        place = id .. ' ' .. section .. ' ' .. (is_here and at or '')
        walk[section](id, is_here and at or '', function(reached)
          place = id .. ' ' .. section .. ' ' .. reached
          looks = looks - 1
        end)
        if is_enough() then
          return { place, unpack(rows) }
        end
      end
    end
  end
  return { '', unpack(rows) }
end

if verb == 'one' then
  return one(ARGV[3], ARGV[4])
elseif verb ~= 'list' then
  return redis.error_reply('ERR_INVALID verb')
elseif ARGV[3] ~= '' and not is_owned(ARGV[3]) then
  return redis.error_reply('ERR_NOT_FOUND endpoint')
elseif event ~= '' then
  for _, id in ipairs({ event, event .. '-all' }) do
    local flat = redis.call('HGETALL', hook.key_delivery(id))
    local endpoint = hook.field_of(flat, 'endpoint')
    if endpoint and is_owned(endpoint) and (ARGV[3] == '' or endpoint == ARGV[3]) then
      tell(id, flat)
    end
  end
  return { '', unpack(rows) }
end
return list(ARGV[3], ARGV[6])
