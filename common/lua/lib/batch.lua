-- @include store.lua
-- @include states.lua
-- Batches as a script sees them: loaded once, changed in memory, written back by commit().
local BATCH_TEXTS = { 'state', 'tenant', 'trunk', 'on_call_complete', 'on_call_attempt', 'on_batch_complete',
  'on_batch_failed', 'on_event', 'sealed', 'hours', 'stops_live', 'dial' }
local BATCH_NUMBERS = {
  'priority', 'cps', 'interval_us', 'max_concurrent', 'start_ms', 'started_ms', 'completed_ms', 'total', 'cursor',
  'tat_us', 'due', 'claimed', 'live', 'ended', 'succeeded', 'failed', 'cancelled', 'attempts', 'dials', 'seq', 'ring_s',
  'talk_s', 'max_attempts', 'summary_wait_ms', 'expires_ms', 'expired_ms', 'expired', 'hours_until_ms',
  'tail_epoch', 'tail_cursor', 'tail_due', 'pauses', 'talked_s', 'revision', 'rejected', 'duplicates', 'bytes', 'refused',
  'kept',
}
-- What a field is that Redis does not hold; others are nil.
local BATCH_DEFAULTS = { revision = 1 }
for _, counter in ipairs({ 'total', 'cursor', 'due', 'claimed', 'live', 'ended', 'succeeded', 'failed', 'cancelled',
  'expired', 'attempts', 'dials', 'seq', 'pauses', 'rejected', 'duplicates', 'bytes', 'kept' }) do
  BATCH_DEFAULTS[counter] = 0
end
local BATCH_FIELDS, IS_BATCH_NUMBER = {}, {}
for _, field in ipairs(BATCH_TEXTS) do
  BATCH_FIELDS[#BATCH_FIELDS + 1], IS_BATCH_NUMBER[field] = field, false
end
for _, field in ipairs(BATCH_NUMBERS) do
  BATCH_FIELDS[#BATCH_FIELDS + 1], IS_BATCH_NUMBER[field] = field, true
end

local batches = {}

local batch_load, batch_wants, batch_changes
do
  local wanted, is_wanted = nil, {}

  -- A script that meets many batches asks for the few fields that it mostly needs, and for all the others of a batch when it
  -- comes to one of them. The first is one that every batch has.
  function batch_wants(fields)
    wanted = fields
    for _, field in ipairs(fields) do is_wanted[field] = true end
  end

  -- Redis looks for each field of an HMGET from the beginning of the compact hash: the whole of it takes half as long. What
  -- the script knows already stays as it has it.
  local function take_all(batch)
    rawset(batch, 'is_whole', true)
    local values, was = redis.call('HGETALL', batch.prefix), batch.was
    for i = 1, #values, 2 do
      local field, value = values[i], values[i + 1]
      local is_number = IS_BATCH_NUMBER[field]
      if is_number ~= nil and not is_wanted[field] then
        value = is_number and tonumber(value) or value
        was[field] = value
        if rawget(batch, field) == nil then
          rawset(batch, field, value)
        end
      end
    end
    for field, default in pairs(BATCH_DEFAULTS) do
      if was[field] == nil then
        was[field] = default
        if rawget(batch, field) == nil then
          rawset(batch, field, default)
        end
      end
    end
  end

  local function take_wanted(batch)
    local values, was = redis.call('HMGET', batch.prefix, unpack(wanted)), batch.was
    for i = 1, #wanted do
      local field = wanted[i]
      local value = values[i]
      if value then
        value = IS_BATCH_NUMBER[field] and tonumber(value) or value
      else
        value = BATCH_DEFAULTS[field]
      end
      batch[field], was[field] = value, value
    end
  end

  local META = {}

  function META.__index(batch, field)
    if IS_BATCH_NUMBER[field] == nil or is_wanted[field] or rawget(batch, 'is_whole') then
      return nil
    end
    take_all(batch)
    return rawget(batch, field)
  end

  -- nil where there is no such batch. Fields that Redis does not hold are nil, counters 0.
  function batch_load(id)
    local batch = batches[id]
    if batch ~= nil then
      return batch or nil
    end
    batch = { id = id, prefix = key_batch(id), was = {}, outcomes = {} }
    if wanted then
      take_wanted(batch)
      setmetatable(batch, META)
    else
      take_all(batch)
    end
    if not rawget(batch, 'state') then
      batches[id] = false
      return nil
    end
    batches[id] = batch
    return batch
  end

  -- Adds what differs from Redis: field and value to `set`, fields to `gone`.
  function batch_changes(batch, set, gone)
    local was = batch.was
    for field, value in pairs(batch) do
      if value ~= was[field] and IS_BATCH_NUMBER[field] ~= nil then
        set[#set + 1] = field
        set[#set + 1] = IS_BATCH_NUMBER[field] and fmt(value) or value
        was[field] = value
      end
    end
    for field in pairs(was) do
      if batch[field] == nil then
        gone[#gone + 1] = field
        was[field] = nil
      end
    end
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
  return batch.state == was.state and rawget(batch, 'total') == was.total and rawget(batch, 'succeeded') == was.succeeded
    and rawget(batch, 'failed') == was.failed
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

local function batches_flush()
  for _, batch in pairs(batches) do
    if batch then
      if not load.is_as_before(batch) then
        load.count(batch, load.of(batch))
      end
      if batch.state ~= batch.was.state and ENDED_STATES[batch.state] and not ENDED_STATES[batch.was.state] then
        load.keep(batch, batch.bytes)
      end
      for outcome, n in pairs(batch.outcomes) do
        map.write('HINCRBY', batch.prefix, 'outcome:' .. outcome, n)
      end
      batch.outcomes = {}
      local set, gone = {}, {}
      batch_changes(batch, set, gone)
      if #set > 0 then
        redis.call('HSET', batch.prefix, unpack(set))
      end
      if #gone > 0 then
        redis.call('HDEL', batch.prefix, unpack(gone))
      end
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
  -- rollback keeps it; it holds no dot.
  local events_written = false
  function event_write(batch, type_name, subject, fields)
    if not event_is_wanted(batch, type_name) then
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
    event_write(batch, 'batch.started', '', {})
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
