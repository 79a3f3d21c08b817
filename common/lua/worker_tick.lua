#!lua flags=allow-oom
-- A worker's heartbeat, and its share of what time alone brings about: claims whose lease has passed, calls that waited
-- long enough for a summary, batches that expire, the retries of those and of cancelled ones, calls on the line that a cancel
-- wants hung up, leases to append that nobody renewed, batches that waited for credit which has come, lost wakes, calling
-- windows of which more hours are to be published, lanes that wait for an instant of before the clock was set back, and things
-- to remove. At most one a second.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  worker id
-- ARGV[2]  most items settled (1..200): the bound of the script's work
-- Returns  {now us, next ms or "" (when a tick has work again), next check ms or "" (call_checks), 0|1 (1: the bound was
--           met, come again), reclaimed, summaries given up, calls ended by a cancel or an expiry, lost wakes, batches
--           expired, {batch, window, expiry ms or ""} of each that wants its next hours (batch_hours.lua), epoch, closed
--           until ms or "", {"torn", what, why} of each that nothing could be made of for what Redis holds of it: it is left out,
--           and looked at again in ASIDE_MS}
-- Errors   ERR_INVALID
-- Bound    O(items * log n); 50 commands, and 40 for each item; and 1,000 for calls that a cancel hangs up and that began at
--          one instant
-- @include lib/release.lua
-- @include lib/begins.lua
-- @include lib/credit.lua
-- @include lib/torn.lua
local worker = check_id(ARGV[1], 64, 'worker')
local budget = math.min(check_number(ARGV[2], 'items'), 200)
local PRESENCE_MS = 60000
local RECONCILE_MS = 2000
local HELD_SAMPLE = 20
local ENDING_BATCHES = 16
local HOURS_BATCHES = 8
local HOURS_LEASE_MS = 10000
local SET_BACK_MS = 1000
local ASIDE_MS = 60000

-- Lua has room for 200 locals in a script, those of its libraries included: what a tick does takes none of it.
local jobs = {}

local counts = { reclaimed = 0, summaries = 0, cut = 0, lost = 0, expired = 0 }

function jobs.spend()
  budget = budget - 1
end

-- The job comes to a member of `key`; false where it is left out. `is_by_time`: its score is when it is due.
jobs.aside, jobs.written = {}, {} -- written: the counts of what was done for good
function jobs.come_to(key, member, is_by_time)
  jobs.key, jobs.member, jobs.is_by_time = key, member, is_by_time
  return not jobs.aside[key .. ' ' .. member]
end

-- What was done is written: behind a member for which something was written at once.
function jobs.write()
  local key = jobs.key
  jobs.key = nil -- what fails meanwhile is not this member's doing
  commit(torn.passed_over)
  jobs.key = key
  for name, count in pairs(counts) do jobs.written[name] = count end
end

-- Nothing could be made of the member that the job came to, and nothing is kept of what the job did since it wrote.
function jobs.set_aside(why)
  local key, member = jobs.key, jobs.member
  if not key or jobs.aside[key .. ' ' .. member] or torn.is_hopeless(why) then
    fail(why)
  end
  zset.discard()
  for name in pairs(counts) do counts[name] = jobs.written[name] or 0 end
  jobs.spend()
  jobs.aside[key .. ' ' .. member] = true
  notes.add('torn', key:sub(#P + 1) .. ' ' .. member, why)
  if jobs.is_by_time then
    redis.call('ZADD', key, 'XX', fmt(NOW_MS + ASIDE_MS), member)
  end
end

-- Does the job; anew without a member of which nothing could be made.
function jobs.run(job)
  local is_done, why
  repeat
    jobs.key = nil
    is_done, why = pcall(job)
    if not is_done then
      jobs.set_aside(torn.text(why))
    end
  until is_done or budget <= 0
  jobs.write() -- the next reads what this one did
end

function jobs.due_members(key)
  return redis.call('ZRANGE', key, '-inf', fmt(NOW_MS), 'BYSCORE', 'LIMIT', 0, math.max(0, budget))
end

-- A worker was heard of later than now: the clock was set back, by more than a worker that comes at once would not see pass.
function jobs.notice_set_back()
  if (epoch_seen_ms() or 0) > NOW_MS + SET_BACK_MS then
    redis.call('ZREMRANGEBYSCORE', KEY_WORKERS, '(' .. fmt(NOW_MS), '+inf') -- who is still there says so again
    redis.call('HSET', KEY_CELL, 'set_back_ms', fmt(NOW_MS), 'set_back_from', '0 0')
  end
end

function jobs.present()
  redis.call('ZADD', KEY_WORKERS, fmt(NOW_MS), worker)
  redis.call('ZREMRANGEBYSCORE', KEY_WORKERS, '-inf', fmt(NOW_MS - PRESENCE_MS))
end

function jobs.reclaim()
  for _, member in ipairs(jobs.due_members(KEY_CLAIMED)) do
    jobs.spend()
    jobs.come_to(KEY_CLAIMED, member, true)
    local batch_id, ordinal, dial, owner = member:match('^([^/]+)/(%d+)/(%d+)/(.+)$')
    local batch = batch_id and batch_load(batch_id)
    local call = batch and call_read(batch, tonumber(ordinal))
    if call and call.phase == 'claimed' and call.d == tonumber(dial) and call.w == owner then
      call_release(batch, call, NOW_MS)
      counts.reclaimed = counts.reclaimed + 1
    else
      zset.drop(KEY_CLAIMED, member)
    end
  end
end

function jobs.give_up_summaries()
  for _, member in ipairs(jobs.due_members(KEY_ENDED)) do
    jobs.spend()
    jobs.come_to(KEY_ENDED, member, true)
    local batch_id, ordinal, dial = member:match('^([^/]+)/(%d+)/(%d+)$')
    local batch = batch_id and batch_load(batch_id)
    local call = batch and call_read(batch, tonumber(ordinal))
    if call and call.phase == 'ended' and call.l == tonumber(dial) then
      call_finalize(batch, call, 'attempt')
      counts.summaries = counts.summaries + 1
    end
    zset.drop(KEY_ENDED, member)
  end
end

-- What is not begun by its expiry never is. Nothing cancelled the batch: it completes, at once where nothing is on its way.
function jobs.expire_batches()
  for _, batch_id in ipairs(jobs.due_members(KEY_EXPIRIES)) do
    jobs.spend()
    jobs.come_to(KEY_EXPIRIES, batch_id, true)
    local batch = batch_load(batch_id)
    if batch and batch_awaits_time(batch) and (batch_expiry_ms(batch) or math.huge) <= NOW_MS then
      batch_move(batch, 'start')
      batch.expired_ms = NOW_MS
      batch.expired = batch_cut(batch, 'EXPIRED')
      touch_lane(batch)
      batch_check_end(batch)
      counts.expired = counts.expired + 1
    end
    if batch then
      batch_list_times(batch)
    else
      redis.call('ZREM', KEY_EXPIRIES, batch_id)
    end
    jobs.write()
  end
end

-- Contacts of a cut batch that wait for a retry end with the outcome of their last attempt and their event; those that were
-- never dialed were counted when it was cut, or are counted here and told of by the batch's event alone.
function jobs.end_cut(batch_id)
  local batch = batch_load(batch_id)
  if not batch or not batch_is_cut(batch) then
    redis.call('ZREM', KEY_ENDING, batch_id)
    return
  end
  local ordinals = redis.call('ZRANGE', key_retry(batch_id), 0, math.max(0, budget - 1))
  for _, ordinal in ipairs(ordinals) do
    jobs.spend()
    local call = call_read(batch, tonumber(ordinal))
    local was_dialed = call.a > 0 and call.x ~= nil
    call.x = was_dialed and call.x or (batch.expired_ms and 'EXPIRED' or 'CANCELLED')
    zset.drop(key_retry(batch_id), ordinal)
    call_finalize(batch, call, was_dialed and 'contact' or nil)
    counts.cut = counts.cut + 1
  end
  if #ordinals == 0 then
    redis.call('ZREM', KEY_ENDING, batch_id)
    batch_check_end(batch)
  end
end

function jobs.end_cut_batches()
  for _, batch_id in ipairs(redis.call('ZRANGE', KEY_ENDING, 0, ENDING_BATCHES - 1)) do
    if budget > 0 and jobs.come_to(KEY_ENDING, batch_id, true) then
      jobs.spend()
      jobs.end_cut(batch_id)
      jobs.write()
    end
  end
end

-- The calls on the line of a batch that hangs them up become due to be checked (call_checks), a share at a time: the batch's
-- score is the hard deadline up to which its calls were. Those that begin no more are none of them, and a call whose
-- deadline moves up is only checked twice. Of those that share the last deadline none stays behind, however small the share:
-- calls that come late to their slots begin at one instant, 64 by each script, and a millisecond has room for a few scripts.
jobs.ONE_DEADLINE = 1000

function jobs.stop_live(batch_id, from)
  local batch = batch_load(batch_id)
  if not batch or batch.state ~= 'cancelling' then
    redis.call('ZREM', KEY_STOPPING, batch_id)
    return
  end
  local share = budget
  local due = redis.call('ZRANGE', key_flying('b', batch_id), '(' .. from, '+inf', 'BYSCORE', 'LIMIT', 0, share, 'WITHSCORES')
  local last = due[#due]
  for i = 1, #due, 2 do
    jobs.spend()
    redis.call('ZADD', KEY_LIVE, 'XX', 'LT', NOW_MS, due[i])
  end
  if #due / 2 < share then
    redis.call('ZREM', KEY_STOPPING, batch_id)
    return
  end
  for _, member in ipairs(redis.call('ZRANGE', key_flying('b', batch_id), last, last, 'BYSCORE', 'LIMIT', 0,
    jobs.ONE_DEADLINE)) do
    redis.call('ZADD', KEY_LIVE, 'XX', 'LT', NOW_MS, member)
  end
  redis.call('ZADD', KEY_STOPPING, last, batch_id)
end

function jobs.stop_live_of_batches()
  local stopping = redis.call('ZRANGE', KEY_STOPPING, 0, ENDING_BATCHES - 1, 'WITHSCORES')
  for i = 1, #stopping, 2 do
    if budget > 0 and jobs.come_to(KEY_STOPPING, stopping[i]) then
      jobs.stop_live(stopping[i], stopping[i + 1])
    end
  end
end

-- Batches whose published hours run out are handed to this worker, which reckons the next ones; for a while to no other.
jobs.hours = {}
function jobs.hours_wanted()
  local due = redis.call('ZRANGE', KEY_HOURS, '-inf', fmt(NOW_MS), 'BYSCORE', 'LIMIT', 0, HOURS_BATCHES)
  for _, batch_id in ipairs(due) do
    jobs.come_to(KEY_HOURS, batch_id, true)
    local batch = batch_load(batch_id)
    local window = batch and batch_awaits_time(batch) and redis.call('HGET', key_batch(batch_id), 'window')
    if window then
      redis.call('ZADD', KEY_HOURS, fmt(NOW_MS + HOURS_LEASE_MS), batch_id)
      jobs.hours[#jobs.hours + 1] = { batch_id, window, batch.expires_ms and fmt(batch.expires_ms) or '' }
    else
      redis.call('ZREM', KEY_HOURS, batch_id)
    end
  end
end

function jobs.end_appending()
  for _, batch_id in ipairs(jobs.due_members(KEY_APPENDING)) do
    jobs.spend()
    jobs.come_to(KEY_APPENDING, batch_id, true)
    local batch = batch_load(batch_id)
    if batch then
      appending_list(batch)
      batch_check_end(batch)
    else
      redis.call('ZREM', KEY_APPENDING, batch_id)
    end
    jobs.write()
  end
end

function jobs.resume_funded()
  for _, tenant_id in ipairs(jobs.due_members(KEY_FUNDED)) do
    if budget > 0 then
      jobs.come_to(KEY_FUNDED, tenant_id, true)
      budget = budget - 1 - credit.resume(tenant_id, budget, jobs.write)
    end
  end
end

-- ---- lost wakes: whoever is parked although there is room ----

function jobs.reconcile_held(tenant_id)
  if redis.call('ZCARD', key_held(tenant_id)) == 0 then
    zset.drop(KEY_PARKED, 'h/' .. tenant_id)
    return false
  end
  local woken = false
  for _, member in ipairs(redis.call('ZRANDMEMBER', key_held(tenant_id), HELD_SAMPLE)) do
    local number = member:match('^(%d+)/')
    if number and not map.get(key_dialing(tenant_id), number) then
      woken = number_wake(tenant_id, number) > 0 or woken
    end
  end
  return woken
end

function jobs.reconcile_one(kind, id)
  if kind == 'h' then
    return jobs.reconcile_held(id)
  elseif kind == 'b' then
    local batch = batch_load(id)
    return batch and room('b', batch) > 0 and wake_batch(batch)
  end
  local resource = resource_load(kind, id)
  if not resource or resource.state ~= 'active' or room(kind, resource) <= 0 then
    return false
  end
  if kind == 'k' then
    return wake_trunk(id)
  end
  return wake_tenant(id)
end

function jobs.reconcile()
  local parked = redis.call('ZRANGE', KEY_PARKED, '-inf', fmt(NOW_MS - RECONCILE_MS), 'BYSCORE', 'LIMIT', 0,
    math.max(0, budget))
  for _, member in ipairs(parked) do
    jobs.spend()
    jobs.come_to(KEY_PARKED, member, true)
    local kind, id = member:match('^([ktbh])/(.+)$')
    if kind then
      if zset.score(KEY_PARKED, member) then
        zset.put(KEY_PARKED, member, NOW_MS)
      end
      if jobs.reconcile_one(kind, id) then
        counts.lost = counts.lost + 1
      end
    else
      zset.drop(KEY_PARKED, member)
    end
  end
  if counts.lost > 0 then
    redis.call('HINCRBY', P .. 'cell', 'lost_wakes', counts.lost)
  end
end

-- ---- the clock was set back: what waits for an instant of before does not wait for that to come again ----

-- Nothing of it begins for a second: whatever began before the clock was set is in no second with it, by any other clock. And
-- what has started does not start anew.
function jobs.bring_back(batch)
  local latest_us = NOW_US + begins.SECOND_US
  if batch.tat_us and batch.tat_us > latest_us then
    batch.tat_us = latest_us
  end
  if batch.start_ms and batch.start_ms > NOW_MS and (batch.cursor > 0 or batch.state == 'pending') then
    batch.start_ms = NOW_MS
  end
  touch_lane(batch)
end

-- Every batch that may dial is listed by its expiry. "<score> <how many of that score are done>" is where to go on.
function jobs.bring_back_batches()
  local score, done = (redis.call('HGET', KEY_CELL, 'set_back_from') or ''):match('^(%d+) (%d+)$')
  if not score then
    return
  end
  local most = budget
  local page = redis.call('ZRANGE', KEY_EXPIRIES, score, '+inf', 'BYSCORE', 'LIMIT', done, most, 'WITHSCORES')
  for i = 1, #page, 2 do
    jobs.spend()
    score, done = page[i + 1], page[i + 1] == score and done + 1 or 1
    local batch = jobs.come_to(KEY_EXPIRIES, page[i]) and batch_load(page[i])
    if batch then
      jobs.bring_back(batch)
    end
  end
  if #page < 2 * most then
    redis.call('HDEL', KEY_CELL, 'set_back_from')
  else
    redis.call('HSET', KEY_CELL, 'set_back_from', score .. ' ' .. fmt(done))
  end
end

-- ---- what is to be removed ----

function jobs.purge_seen(batch_id)
  local shards = tonumber(redis.call('HGET', key_batch(batch_id), 'seen_shards') or 0)
  local done = tonumber(redis.call('HGET', key_batch(batch_id), 'seen_purged') or 0)
  while done < shards and budget > 0 do
    jobs.spend()
    redis.call('UNLINK', key_batch(batch_id) .. ':seen:n:' .. fmt(done), key_batch(batch_id) .. ':seen:i:' .. fmt(done))
    done = done + 1
  end
  if redis.call('EXISTS', key_batch(batch_id)) == 1 then
    redis.call('HSET', key_batch(batch_id), 'seen_purged', fmt(done))
  end
  if done >= shards then
    redis.call('UNLINK', key_batch(batch_id) .. ':chunks')
    return true
  end
  return false
end

-- Removes the records of a batch that nobody sees, from its last bucket on, and at last the batch. True when all is gone.
function jobs.purge_records(batch)
  if not jobs.purge_seen(batch.id) then
    return false
  end
  local bucket = math.ceil(batch.total / BUCKET)
  while bucket > 0 and budget > 0 do
    jobs.spend()
    bucket = bucket - 1
    for _, what in ipairs({ 'contacts', 'extra', 'state', 'texts', 'attempts' }) do
      redis.call('UNLINK', key_bucket(batch.id, what, bucket * BUCKET))
    end
  end
  batch.total = math.min(batch.total, bucket * BUCKET)
  if bucket > 0 then
    return false
  end
  load.forget(batch)
  redis.call('UNLINK', key_batch(batch.id), key_retry(batch.id), key_columns(batch.id), key_batch(batch.id) .. ':rows')
  return true
end

-- A creation that was never sealed: its producer died; or a draft that nobody fills or starts any more.
function jobs.purge_draft(batch_id)
  local batch = batch_load(batch_id)
  if not batch or batch.sealed == '1' then
    return true
  end
  batch_move(batch, 'fail') -- what is half removed takes no more contacts, and is not sealed
  batch_hide(batch)
  return jobs.purge_records(batch)
end

-- An ended batch that was kept long enough, or was removed by its tenant (batch_remove.lua).
function jobs.purge_ended(batch_id)
  local batch = batch_load(batch_id)
  if not batch or not ENDED_STATES[batch.state] then
    return true
  end
  if batch.sealed == '1' then
    local removal_ms = batch_removal_ms(batch)
    if removal_ms > NOW_MS then -- its tenant keeps longer than when it ended
      redis.call('ZADD', KEY_PURGE, fmt(removal_ms), 'batch/' .. batch_id)
      return false
    end
    batch_hide(batch)
  end
  return jobs.purge_records(batch)
end

function jobs.purge()
  for _, member in ipairs(jobs.due_members(KEY_PURGE)) do
    jobs.come_to(KEY_PURGE, member, true)
    local kind, batch_id = member:match('^(%a+)/(.+)$')
    local is_done = true
    if kind == 'seen' then
      is_done = jobs.purge_seen(batch_id)
    elseif kind == 'draft' then
      is_done = jobs.purge_draft(batch_id)
    elseif kind == 'batch' then
      is_done = jobs.purge_ended(batch_id)
    end
    if is_done then
      redis.call('ZREM', KEY_PURGE, member)
    end
    jobs.write()
    if budget <= 0 then
      return
    end
  end
end

function jobs.earliest(...)
  local least
  for _, key in ipairs({ ... }) do
    local at = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if at and (not least or at < least) then
      least = at
    end
  end
  return least and fmt(least) or ''
end

jobs.notice_set_back()
jobs.present()
for _, job in ipairs({ 'reclaim', 'give_up_summaries', 'expire_batches', 'end_cut_batches', 'stop_live_of_batches',
  'end_appending', 'resume_funded', 'bring_back_batches', 'reconcile', 'purge' }) do
  if budget > 0 then
    jobs.run(jobs[job])
  end
end
jobs.run(jobs.hours_wanted)
torn.tell()
local next_ms = jobs.earliest(KEY_CLAIMED, KEY_ENDED, KEY_ENDING, KEY_STOPPING, KEY_APPENDING, KEY_FUNDED, KEY_PURGE,
  KEY_EXPIRIES, KEY_HOURS)
return notes.tell({ fmt(NOW_US), next_ms, jobs.earliest(KEY_LIVE), budget <= 0 and 1 or 0, counts.reclaimed,
  counts.summaries, counts.cut, counts.lost, counts.expired, jobs.hours,
  fmt(epoch_load().number), epoch_load().closed_until_ms > 0 and fmt(epoch_load().closed_until_ms) or '' })
