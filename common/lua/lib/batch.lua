-- @include store.lua
-- @include states.lua
-- Batches as a script sees them: loaded once, changed in memory, written back by commit().
-- The fields, and whether each is a number. (One table with all its keys is quickly made, and a script makes it each time.)
local IS_BATCH_NUMBER = {
  state = false, tenant = false, trunk = false, on_call_complete = false, on_call_attempt = false,
  on_batch_complete = false, on_batch_failed = false, on_event = false, sealed = false, hours = false,
  stops_live = false, dial = false,
  priority = true, cps = true, interval_us = true, max_concurrent = true, start_ms = true, started_ms = true,
  completed_ms = true, total = true, cursor = true, tat_us = true, due = true, claimed = true, live = true,
  ended = true, succeeded = true, failed = true, cancelled = true, attempts = true, dials = true, seq = true,
  ring_s = true, talk_s = true, max_attempts = true, summary_wait_ms = true, expires_ms = true, expired_ms = true,
  expired = true, hours_until_ms = true, tail_epoch = true, tail_cursor = true, tail_due = true, pauses = true,
  talked_s = true, revision = true, rejected = true, duplicates = true, bytes = true, refused = true, kept = true,
}
-- What a field is that Redis does not hold; others are nil.
local BATCH_DEFAULTS = {
  revision = 1, total = 0, cursor = 0, due = 0, claimed = 0, live = 0, ended = 0, succeeded = 0, failed = 0,
  cancelled = 0, expired = 0, attempts = 0, dials = 0, seq = 0, pauses = 0, rejected = 0, duplicates = 0, bytes = 0,
  kept = 0,
}

local batches = {}

local batch_load, batch_wants, batch_forget, batch_changes
do
  local wanted, is_wanted, is_number, default = nil, {}, {}, {}

  -- A script that meets many batches asks for the few fields that it mostly needs, and for all the others of a batch when it
  -- comes to one of them. The first is one that every batch has.
  function batch_wants(fields)
    wanted = fields
    for i = 1, #fields do
      local field = fields[i]
      is_wanted[field], is_number[i], default[i] = true, IS_BATCH_NUMBER[field], BATCH_DEFAULTS[field]
    end
  end

  -- Redis looks for each field of an HMGET from the beginning of the compact hash: the whole of it takes half as long.
  local function take_all(was, key)
    local values = redis.call('HGETALL', key)
    for i = 1, #values, 2 do
      local field, value = values[i], values[i + 1]
      local is_a_number = IS_BATCH_NUMBER[field]
      if is_a_number ~= nil and not is_wanted[field] then
        was[field] = is_a_number and tonumber(value) or value
      end
    end
    for field, value in pairs(BATCH_DEFAULTS) do
      if rawget(was, field) == nil then
        was[field] = value
      end
    end
  end

  local function take_wanted(was, key)
    local values, fields = redis.call('HMGET', key, unpack(wanted)), wanted
    for i = 1, #fields do
      local value = values[i]
      if not value then
        value = default[i]
      elseif is_number[i] then
        value = tonumber(value) or value
      end
      was[fields[i]] = value
    end
  end

  local REST = {}

  function REST.__index(was, field)
    if IS_BATCH_NUMBER[field] == nil or is_wanted[field] then
      return nil
    end
    setmetatable(was, nil)
    take_all(was, was.key)
    return was[field]
  end

  -- nil where there is no such batch. Fields that Redis does not hold are nil, counters 0. `was` is what Redis holds; what
  -- the script gives a field stands before it, until it is written.
  function batch_load(id)
    local batch = batches[id]
    if batch ~= nil then
      return batch or nil
    end
    local key = key_batch(id)
    local was = { key = key }
    if wanted then
      take_wanted(was, key)
    else
      take_all(was, key)
    end
    batch = was.state and setmetatable({ id = id, prefix = key, was = was, outcomes = {}, gone = false }, { __index = was })
      or false
    if batch and wanted then
      setmetatable(was, REST)
    end
    batches[id] = batch
    return batch or nil
  end

  -- Redis is to hold that field no more.
  function batch_forget(batch, field)
    if batch[field] ~= nil then
      batch[field], batch.was[field] = nil, nil
      batch.gone = batch.gone or {}
      batch.gone[field] = true
    end
  end

  -- What differs from Redis: fields and values; and the fields that Redis is to hold no more, nil where there are none.
  function batch_changes(batch)
    local was, set, n, gone = batch.was, {}, 0, nil
    for field, value in next, batch do
      local is_a_number = IS_BATCH_NUMBER[field]
      if is_a_number ~= nil and value ~= rawget(was, field) then
        set[n + 1], set[n + 2] = field, is_a_number and fmt(value) or value
        n = n + 2
        was[field] = value
      end
    end
    if batch.gone then
      for field in pairs(batch.gone) do
        if batch[field] == nil then
          gone = gone or {}
          gone[#gone + 1] = field
        end
      end
      batch.gone = false
    end
    return set, gone
  end
end

local ENDED_STATES = { completed = true, cancelled = true, failed = true }
-- more: by tenant, what is to be added to the fields; kept: the same of what is counted until the batch is removed
local load = { FIELDS = { 'batches', 'contacts', 'bytes' }, more = {}, kept = {} }

-- What a batch uses of its tenant's quotas until it ends: itself, its contacts without an end, and their share of the bytes
-- of all of them. It follows from the batch's own fields, so that what was added is what is taken off.
function load.of(fields)
  if ENDED_STATES[fields.state] then
    return { 0, 0, 0 }
  end
  local open = fields.total - fields.succeeded - fields.failed
  return { 1, open, fields.total > 0 and math.floor(fields.bytes * open / fields.total) or 0 }
end

-- Whether it uses what it used when it was loaded. `bytes` changes with `total` only.
function load.is_as_before(batch)
  local was = batch.was
  local state, total, succeeded, failed = rawget(batch, 'state'), rawget(batch, 'total'), rawget(batch, 'succeeded'),
    rawget(batch, 'failed')
  return not (state and ENDED_STATES[state] ~= ENDED_STATES[was.state] or total and total ~= was.total
    or succeeded and succeeded ~= was.succeeded or failed and failed ~= was.failed)
end

-- Counts what the batch uses now, and not what it used when it was loaded.
function load.count(batch, uses)
  local used, more = load.of(batch.was), load.more[batch.tenant]
  if not more then
    more = { 0, 0, 0 }
    load.more[batch.tenant] = more
  end
  for i = 1, #more do
    more[i] = more[i] + uses[i] - used[i]
  end
end

-- Counts bytes that a batch holds beside contacts without an end, from now on until it is removed: what tells of its chunks and
-- of the rows that it did not take, and once it has ended its contacts.
function load.keep(batch, bytes)
  if bytes ~= 0 then
    batch.kept = batch.kept + bytes
    load.kept[batch.tenant] = (load.kept[batch.tenant] or 0) + bytes
  end
end

function load.flush()
  for tenant, bytes in pairs(load.kept) do
    map.write('HINCRBY', key_load(tenant), 'kept', fmt(bytes))
  end
  load.kept = {}
  for tenant, more in pairs(load.more) do
    for i, field in ipairs(load.FIELDS) do
      if more[i] ~= 0 then
        map.write('HINCRBY', key_load(tenant), field, fmt(more[i]))
      end
    end
  end
  load.more = {}
end

-- The batch is gone: nothing of it is written back.
function load.forget(batch)
  load.count(batch, { 0, 0, 0 })
  load.keep(batch, -batch.kept)
  batches[batch.id] = false
end

local function batch_flush(batch)
  if not load.is_as_before(batch) then
    load.count(batch, load.of(batch))
  end
  local state, was_state = batch.state, batch.was.state
  if state ~= was_state and ENDED_STATES[state] and not ENDED_STATES[was_state] then
    load.keep(batch, batch.bytes)
  end
  for outcome, n in next, batch.outcomes do
    map.write('HINCRBY', batch.prefix, 'outcome:' .. outcome, fmt(n))
    batch.outcomes[outcome] = nil
  end
  local set, gone = batch_changes(batch)
  if set[1] then
    redis.call('HSET', batch.prefix, unpack(set))
  end
  if gone then
    redis.call('HDEL', batch.prefix, unpack(gone))
  end
end

local function batches_flush()
  for _, batch in next, batches do
    if batch then
      batch_flush(batch)
    end
  end
  load.flush()
end

on_commit(batches_flush, function()
  batches, load.more, load.kept = {}, {}, {}
end)

-- The only writer of a batch's state. False where the table does not permit the event.
local function batch_move(batch, event)
  local to = transition_to(BATCH_TRANSITIONS, batch.state, event)
  if not to then
    return false
  end
  if batch.state == 'paused' then
    redis.call('ZREM', key_unfunded(batch.tenant), batch.id)
  end
  batch.state = to
  return true
end

-- A creation that is refused: it counts no more, nobody sees it, and its records go in steps of worker_tick.
local function batch_give_up(batch)
  if batch.sealed ~= '1' and batch_move(batch, 'fail') then
    redis.call('ZADD', KEY_PURGE, fmt(NOW_MS), 'draft/' .. batch.id)
    commit()
  end
end

local SCHEDULABLE = { scheduled = true, pending = true, processing = true }
-- Nothing new begins in these; what is on its way comes to its end.
local CUT_STATES = { cancelling = true, cancelled = true, failed = true }
-- What is not sealed takes contacts while it is one of these.
local FILLABLE = { draft = true, ingesting = true }
-- A sealed batch in one of these takes more contacts, under a lease (chunk_open.lua).
local APPENDABLE = { scheduled = true, pending = true, processing = true, paused = true }

local event_is_wanted, event_write
do
  -- djb2 in 32 bits, like key_event_shard() in common/redis/keys.c.
  local shards = {}
  local function event_shard(tenant)
    if not shards[tenant] then
      local hash = 5381
      for i = 1, #tenant do
        hash = (hash * 33 + tenant:byte(i)) % 4294967296
      end
      shards[tenant] = hash % 16
    end
    return shards[tenant]
  end

  -- The batch's URL for a type of event; `on_event` is for all, and the only one for those that are not here.
  local EVENT_HOOKS = { ['call.completed'] = 'on_call_complete', ['call.attempt'] = 'on_call_attempt',
    ['batch.completed'] = 'on_batch_complete', ['batch.failed'] = 'on_batch_failed' }

  function event_is_wanted(batch, type_name)
    return (batch.on_event or batch[EVENT_HOOKS[type_name] or '']) ~= nil
  end

  -- Writes an event beside the state it tells of (promise 5: they are one fact), where somebody wants it: `subject` is what
  -- it is about within the batch ("" for the batch itself). The id is derived, so that the same event written again after a
  -- rollback keeps it; it holds no dot. `is_wanted`: the script knows that somebody does.
  local events_written = false
  function event_write(batch, type_name, subject, fields, is_wanted)
    if not is_wanted and not event_is_wanted(batch, type_name) then
      return
    end
    local id = 'evt_' .. batch.id .. '-' .. subject .. type_name:gsub('%.', '_')
    batch.seq = batch.seq + 1
    redis.call('XADD', P .. 'events:' .. event_shard(batch.tenant), '*', 'id', id, 'type', type_name, 'tenant', batch.tenant,
      'batch', batch.id, 'at', fmt(NOW_MS), 'seq', fmt(batch.seq), unpack(fields))
    if not events_written then
      events_written = true
      redis.call('PUBLISH', KEY_WAKE_EVENTS, 'events')
    end
  end
end

-- A call of the batch was begun. A start is told once: what is paused later goes on as processing, not as pending.
local function batch_note_begun(batch)
  if batch_move(batch, 'begin') then
    batch.started_ms = NOW_MS
    if redis.call('HGET', batch.prefix, 'on_event') then -- it alone is wanted of all where nobody is told
      event_write(batch, 'batch.started', '', {})
    end
  end
end

-- ---- appending: whoever adds contacts to a sealed batch holds a lease, under which the batch does not end ----

local function takes_more(batch)
  return batch.sealed == '1' and APPENDABLE[batch.state] and not batch.expired_ms
end

local function is_appended_to(batch)
  return takes_more(batch) and redis.call('ZCOUNT', key_appending(batch.id), '(' .. fmt(NOW_MS), '+inf') > 0
end

local function appending_drop(batch)
  redis.call('ZREM', KEY_APPENDING, batch.id)
  redis.call('DEL', key_appending(batch.id))
end

-- Lists the batch by the last of its leases, for the tick that ends it should nobody renew; not at all without any.
local function appending_list(batch)
  redis.call('ZREMRANGEBYSCORE', key_appending(batch.id), '-inf', fmt(NOW_MS))
  local last = redis.call('ZRANGE', key_appending(batch.id), -1, -1, 'WITHSCORES')
  if last[2] then
    redis.call('ZADD', KEY_APPENDING, last[2], batch.id)
  else
    redis.call('ZREM', KEY_APPENDING, batch.id)
  end
end

-- ---- what is to be removed, and when ----

local DAY_MS = 86400000
local KEEP_DAYS = 30 -- where the tenant has no `keep_days`

-- When an ended batch and all that it holds is removed.
local function batch_removal_ms(batch)
  local keep_days = tonumber(redis.call('HGET', key_tenant(batch.tenant), 'keep_days') or nil)
  return batch.completed_ms + (keep_days or KEEP_DAYS) * DAY_MS
end

-- The batch has ended: its dedupe index goes at once, the rest when it has been kept long enough.
local function batch_list_removal(batch)
  redis.call('ZADD', KEY_PURGE, fmt(NOW_MS), 'seen/' .. batch.id)
  redis.call('ZADD', KEY_PURGE, fmt(batch_removal_ms(batch)), 'batch/' .. batch.id)
end

-- Out of sight: what is left of it goes in steps of worker_tick.
local function batch_is_hidden(batch)
  return batch.sealed ~= '1' and ENDED_STATES[batch.state] ~= nil
end

-- Takes an ended batch out of sight: no list has it, and nobody is shown it any more.
local function batch_hide(batch)
  local tags = redis.call('HGET', key_batch(batch.id), 'tags')
  redis.call('ZREM', key_tenant(batch.tenant) .. ':batches', batch.id)
  redis.call('ZREM', key_tenant(batch.tenant) .. ':dials', batch.id)
  for _, tag in ipairs(tags and cjson.decode(tags) or {}) do
    local hex = tag:gsub('.', function(byte) return string.format('%02x', byte:byte()) end)
    redis.call('ZREM', key_tenant(batch.tenant) .. ':tags:' .. hex, batch.id)
  end
  batch.sealed = '0'
end

-- ---- a single call: a batch of one, whose `dial` is "<number>", or "<number> <hash of the contact's id>" ----
-- One at a time for a number, and for a contact: dials:n/<tenant> and dials:i/<tenant> say which. What they say of a call
-- that is over counts no more.
local single = {}

function single.each(batch, fn)
  local number, contact = batch.dial:match('^(%d+) ?(%d*)$')
  return fn('n', number) or (contact ~= '' and fn('i', contact)) or nil
end

-- The call that is on its way to its number or its contact, or is about to be.
function single.rival(batch)
  return single.each(batch, function(kind, field)
    local id = redis.call('HGET', key_dials(batch.tenant, kind), field)
    local other = id and id ~= batch.id and batch_load(id)
    if other and other.due + other.claimed + other.live > 0 then
      return id .. '-0'
    end
    local member = kind == 'n' and map.get(key_dialing(batch.tenant), field)
    return member and (member:match('^([^/]+/%d+)/'):gsub('/', '-')) or nil
  end)
end

function single.hold(batch)
  single.each(batch, function(kind, field)
    redis.call('HSET', key_dials(batch.tenant, kind), field, batch.id)
  end)
end

function single.drop(batch)
  single.each(batch, function(kind, field)
    if redis.call('HGET', key_dials(batch.tenant, kind), field) == batch.id then
      redis.call('HDEL', key_dials(batch.tenant, kind), field)
    end
  end)
end

-- Ends the batch when its last call is final. Run in every path that ends a call.
local function batch_check_end(batch)
  if batch.sealed ~= '1' or batch.due + batch.claimed + batch.live + batch.ended > 0 then
    return
  end
  if is_appended_to(batch) then
    return
  end
  if not batch_move(batch, 'finish') then
    return
  end
  batch.completed_ms = NOW_MS
  appending_drop(batch)
  if batch.dial then
    single.drop(batch)
  end
  redis.call('ZREM', KEY_ENDING, batch.id)
  redis.call('ZREM', KEY_EXPIRIES, batch.id)
  redis.call('ZREM', KEY_HOURS, batch.id)
  batch_list_removal(batch)
  event_write(batch, 'batch.' .. batch.state, '', {}) -- completed or cancelled
end
