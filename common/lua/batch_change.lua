#!lua flags=allow-oom
-- Changes the settings of a batch that has not ended: all of them or none. What is claimed or on the line goes on as it
-- began; whatever begins afterwards obeys what stands then, the rate in every sliding second too.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- ARGV[3]  the revision that the change was reckoned from
-- ARGV[4]  1: its start or its zone is among what changes, which only a batch that has not started permits; 0
-- ARGV[5]  tags in hexadecimal that it gets, and ARGV[6] that it loses: each up to 32, with a space between
-- ARGV[7..] "set", field, value or "drop", field, "" of each setting that changes (docs/redis-keys.md), at most 80.
--          start_ms dropped: it starts now. life_ms set: it expires so long after its start
-- Returns  {"done" | "raced" (its revision is another by now: nothing was changed), state, revision}
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant), ERR_STATE <state> (ended, ending or expired; or
--          started, where its start was to change)
-- Bound    O((fields + tags) * log n); 60 commands, and 2 for each tag
-- Again    answers "raced", for the revision has moved on
-- @include lib/scheduler.lua
local id = check_id(ARGV[1], 48, 'batch')
local tenant = check_id(ARGV[2], 64, 'tenant')
local revision = check_number(ARGV[3], 'revision')
local FIELDS, MOST, TAGS_MOST = 3, 80, 32
local CHANGEABLE = {
  priority = 1, cps = 1, interval_us = 1, max_concurrent = 1, start_ms = 1, timezone = 1, expires_ms = 1, life_ms = 1,
  window = 1, hours = 1, hours_until_ms = 1, max_attempts = 1, no_answer_delay_ms = 1, busy_delay_ms = 1,
  failed_delay_ms = 1, voicemail_delay_ms = 1, on_unknown = 1, ring_s = 1, talk_s = 1, summary_wait_ms = 1, caller_ids = 1,
  on_call_complete = 1, on_call_attempt = 1, on_batch_complete = 1, on_batch_failed = 1, on_event = 1, tags = 1,
}
local NEEDED = { priority = 1, cps = 1, interval_us = 1, max_attempts = 1, timezone = 1 }

if (#ARGV - 6) % FIELDS ~= 0 or #ARGV > 6 + FIELDS * MOST then
  return redis.error_reply('ERR_INVALID fields')
end
for at = 7, #ARGV, FIELDS do
  local how, field = ARGV[at], ARGV[at + 1]
  if not CHANGEABLE[field] or not (how == 'set' or (how == 'drop' and not NEEDED[field])) then
    return redis.error_reply('ERR_INVALID field')
  end
  if how == 'set' and IS_BATCH_NUMBER[field] and check_number(ARGV[at + 2], field) <= 0 and field ~= 'summary_wait_ms' then
    return redis.error_reply('ERR_INVALID ' .. field)
  end
end

local function read_tags(text)
  local tags = {}
  for tag in text:gmatch('%S+') do
    tags[#tags + 1] = tag
    if #tags > TAGS_MOST or #tag > 512 or not tag:match('^[0-9a-f]+$') then
      fail('ERR_INVALID tags')
    end
  end
  return tags
end
local tags_got, tags_lost = read_tags(ARGV[5]), read_tags(ARGV[6])

local batch = batch_load(id)
if not batch or batch.tenant ~= tenant or batch_is_hidden(batch) then
  return redis.error_reply('ERR_NOT_FOUND batch')
end
if batch_is_cut(batch) or ENDED_STATES[batch.state] then
  return redis.error_reply('ERR_STATE ' .. batch.state)
end
if batch.revision ~= revision then
  return { 'raced', batch.state, fmt(batch.revision) }
end

-- A claim starts it a little ahead of its time.
local function has_started()
  return batch.sealed == '1'
    and (batch.started_ms or batch.state == 'pending' or batch.state == 'processing' or batch.start_ms <= NOW_MS)
end
if ARGV[4] == '1' and has_started() then
  return redis.error_reply('ERR_STATE ' .. batch.state)
end

-- ---- the fields ----

-- The tags' index before the field, so that a list by tag never lacks a batch that says that it has the tag.
local function move_tags()
  if batch.sealed ~= '1' and batch.state ~= 'draft' then
    return -- it is not listed yet
  end
  local created = redis.call('HGET', key_batch(id), 'created_ms') or fmt(NOW_MS)
  for _, tag in ipairs(tags_got) do
    redis.call('ZADD', key_tenant(tenant) .. ':tags:' .. tag, created, id)
  end
  for _, tag in ipairs(tags_lost) do
    redis.call('ZREM', key_tenant(tenant) .. ':tags:' .. tag, id)
  end
end

local function take_fields()
  for at = 7, #ARGV, FIELDS do
    local field, value = ARGV[at + 1], ARGV[at] == 'set' and ARGV[at + 2] or nil
    if IS_BATCH_NUMBER[field] ~= nil then
      if value then
        batch[field] = IS_BATCH_NUMBER[field] and tonumber(value) or value
      else
        batch_forget(batch, field)
      end
    elseif value then
      redis.call('HSET', key_batch(id), field, value)
    else
      redis.call('HDEL', key_batch(id), field)
    end
  end
end

-- ---- what follows from them ----

-- An idle batch has no place of its rate ahead of it, and a slower one keeps the place that it has.
local function take_rate()
  if batch.tat_us then
    batch.tat_us = math.min(batch.tat_us, NOW_US + batch.interval_us)
  end
  batch.room = nil
end

local function take_times()
  batch.stretch = nil
  if batch.sealed ~= '1' then
    return -- sealing reckons them
  end
  batch.start_ms = batch.start_ms or NOW_MS
  local life_ms = tonumber(redis.call('HGET', key_batch(id), 'life_ms') or nil)
  if life_ms then
    batch.expires_ms = batch.start_ms + life_ms
  end
  if batch.state == 'scheduled' and batch.start_ms ~= batch.was.start_ms and batch.start_ms <= NOW_MS then
    batch_move(batch, 'start')
  end
end

if #ARGV > 6 then
  move_tags()
  take_fields()
  take_rate()
  take_times()
  batch.revision = revision + 1
  touch_lane(batch)
  batch_list_times(batch)
  commit()
  wake_workers()
end
return { 'done', batch.state, fmt(batch.revision) }
