#!lua
-- Reads events that wait for expansion, each with what its body is rendered from: one script instead of a read and a
-- round of fetches for every event. What is read stays pending in the group until hook_expand acknowledges it.
--
-- The group is made where it is missing (a new shard, a stream lost with Redis's tail), from the beginning: an event
-- that was expanded before is recognised by its id.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  notifier id
-- ARGV[2]  the most entries in all
-- ARGV[3]  -1, or: also take over entries that were read this many ms ago and never acknowledged
-- ARGV[4+] shards, read in this order; one whose lease is not this notifier's is passed over
-- Returns  { 1 if ARGV[2] cut it short, number of groups made anew,
--           { { shard, stream id, { field, value, ... }, batch, contact }, ... },
--           { { stream id, why }, ... } (nothing can be made of what its batch has: it stays pending) }
--           batch: { agent_id, user_id, tags, on_call_complete, on_call_attempt, on_batch_complete, on_batch_failed,
--           on_event, created_ms, started_ms, completed_ms, total, succeeded, failed, columns }, or empty where there is
--           no such batch;
--           contact: { record, extra, state, summary, recording, success } for events of a call, empty otherwise
-- Errors   OOM (Redis's own): nothing was read
-- Again    other entries: what was read is not read again, but by ARGV[3].
-- Bound    O(entries), each about five hash reads.
-- @include lib/hook.lua

local owner = ARGV[1]
local limit = tonumber(ARGV[2])
local reclaim_idle_ms = tonumber(ARGV[3])
local made = 0

-- Runs a command on the group, making the group where there is none; nil where there is not even a stream.
local function with_group(shard, ...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then
    return reply
  end
  if not string.find(reply.err, 'NOGROUP', 1, true) then
    error(reply.err)
  end
  if redis.call('EXISTS', hook.key_events(shard)) == 0 then
    return nil
  end
  redis.call('XGROUP', 'CREATE', hook.key_events(shard), hook.group, '0')
  made = made + 1
  return redis.call(...)
end

-- One consumer name for all: a shard has one reader at a time, its lease says who.
local function reclaim(shard, count)
  local reply = with_group(shard, 'XAUTOCLAIM', hook.key_events(shard), hook.group, hook.group, reclaim_idle_ms, '0-0',
    'COUNT', count)
  return reply and reply[2] or {}
end

local function read_new(shard, count)
  local reply = with_group(shard, 'XREADGROUP', 'GROUP', hook.group, hook.group, 'COUNT', count, 'STREAMS',
    hook.key_events(shard), '>')
  return reply and reply[1][2] or {}
end

local batches = {}
local function batch_of(id)
  if not batches[id] then
    local key = key_batch(id)
    local fields = redis.call('EXISTS', key) == 0 and {}
      or redis.call('HMGET', key, 'agent_id', 'user_id', 'tags', 'on_call_complete', 'on_call_attempt',
        'on_batch_complete', 'on_batch_failed', 'on_event', 'created_ms', 'started_ms', 'completed_ms', 'total',
        'succeeded', 'failed', 'columns')
    if fields[#fields] then
      fields[#fields] = redis.call('GET', key_columns(id))
    end
    batches[id] = fields
  end
  return batches[id]
end

local function contact_of(batch, ordinal)
  local function bucket(what)
    return key_bucket(batch, what, tonumber(ordinal))
  end
  local texts = redis.call('HMGET', bucket('texts'), ordinal .. ':summary', ordinal .. ':recording',
    ordinal .. ':success')
  return {
    redis.call('HGET', bucket('contacts'), ordinal),
    redis.call('HGET', bucket('extra'), ordinal),
    redis.call('HGET', bucket('state'), ordinal),
    texts[1],
    texts[2],
    texts[3],
  }
end

local function item(shard, entry)
  local flat = entry[2]
  local batch, call = hook.field_of(flat, 'batch'), hook.field_of(flat, 'call')
  local contact = {}
  if not hook.is_id(batch) then
    return { shard, entry[1], flat, {}, contact }
  end
  if call and string.find(call, '^%d%d?%d?%d?%d?%d?%d?%d?%d?$') then
    contact = contact_of(batch, call)
  end
  return { shard, entry[1], flat, batch_of(batch), contact }
end

local items, torn = {}, {}
local function take(shard, entries)
  for _, entry in ipairs(entries) do
    local is_done, why = hook.try(function()
      items[#items + 1] = item(shard, entry)
    end)
    if not is_done then
      torn[#torn + 1] = { entry[1], why }
    end
  end
end

local function left()
  return limit - #items - #torn
end

for i = 4, #ARGV do
  local shard = ARGV[i]
  if left() > 0 and redis.call('GET', hook.key_lease(shard)) == owner then
    if reclaim_idle_ms >= 0 then
      take(shard, reclaim(shard, left()))
    end
    if left() > 0 then
      take(shard, read_new(shard, left()))
    end
  end
end
return { left() <= 0 and 1 or 0, made, items, torn }
