-- @include hook.lua
-- How an endpoint is, learned from its attempts, in its hash: how many requests it takes at once, whether it is left alone
-- for a while, and when it is given up.
--
--   room           requests at once: begins at 2, one more after as many successes in a row, half after a failure
--   latency_ms     of an attempt, the last ones weighing most
--   failures       failed attempts since the last success; failing_since_ms: the first of them
--   opened         how often it has been left alone since; open_until_ms: until then nothing is tried, then one attempt
--   notice         what was told of it since: 1 failing for a day, 2 for four days
--   status         "active", or "disabled" for a reason: nothing is tried any more, what waits is dead
local health = { ROOM = 2, ROOM_MOST = 8 }

local LATENCY_SHARE = 8
local OPENS_AFTER = 5
local OPEN_LEAST_MS, OPEN_MOST_MS = 10000, 900000
local HOUR_MS = 3600000
local NOTICES_MS = { 24 * HOUR_MS, 96 * HOUR_MS }
local DISABLE_FAILURES, DISABLE_AFTER_MS = 20, 120 * HOUR_MS

local FIELDS = { 'room', 'streak', 'latency_ms', 'failures', 'failing_since_ms', 'opened', 'open_until_ms', 'notice',
  'status' }

function health.load(endpoint)
  local values = redis.call('HMGET', hook.key_endpoint(endpoint), unpack(FIELDS))
  local known = { endpoint = endpoint, status = values[9] }
  for i, field in ipairs(FIELDS) do
    if field ~= 'status' then
      known[field] = tonumber(values[i] or nil)
    end
  end
  return known
end

-- How many requests may be under way: one at a time where the last word was to leave it alone.
function health.room(known)
  return known.open_until_ms and 1 or known.room or health.ROOM
end

function health.disable(endpoint, reason, now)
  redis.call('HSET', hook.key_endpoint(endpoint), 'status', 'disabled', 'reason', reason, 'disabled_ms', hook.whole_ms(now))
end

local function latency_after(known, took_ms)
  local before = known.latency_ms or took_ms
  return fmt(math.floor(before + (took_ms - before) / LATENCY_SHARE + 0.5))
end

-- What a success says. Returns "recovered" where it was told to be failing, else "".
function health.succeeded(known, took_ms, now)
  local key = hook.key_endpoint(known.endpoint)
  local room, streak = known.room or health.ROOM, (known.streak or 0) + 1
  if streak >= room then
    room, streak = math.min(room + 1, health.ROOM_MOST), 0
  end
  redis.call('HSET', key, 'last_success_ms', hook.whole_ms(now), 'room', room, 'streak', streak, 'latency_ms',
    latency_after(known, took_ms))
  if known.failures then
    redis.call('HDEL', key, 'failures', 'failing_since_ms', 'opened', 'open_until_ms', 'notice')
  end
  return known.notice and 'recovered' or ''
end

-- Left alone: 10 s, then twice as long each time, up to a quarter of an hour; a fifth more or less, so that what failed
-- together does not come back together. Attempts that were under way when it opened do not open it again.
local function opening(known, failures, now)
  if failures < OPENS_AFTER or (known.open_until_ms or 0) > now then
    return known.opened or 0, known.open_until_ms
  end
  local opened = (known.opened or 0) + 1
  local open_ms = math.min(OPEN_LEAST_MS * 2 ^ math.min(opened - 1, 20), OPEN_MOST_MS)
  return opened, math.floor(now + open_ms * (0.8 + 0.4 * (NOW_US % 997) / 997))
end

-- What a failure says. Returns "failing" where that is to be told, "disabled" where it is given up, else "".
function health.failed(known, code, took_ms, now)
  local key = hook.key_endpoint(known.endpoint)
  local failures, since = (known.failures or 0) + 1, known.failing_since_ms or math.floor(now)
  local opened, open_until = opening(known, failures, now)
  redis.call('HSET', key, 'failures', failures, 'failing_since_ms', fmt(since), 'streak', 0, 'opened', opened, 'room',
    math.max(1, math.floor((known.room or health.ROOM) / 2)), 'latency_ms', latency_after(known, took_ms))
  if open_until then
    redis.call('HSET', key, 'open_until_ms', fmt(open_until))
  end
  if known.status == 'disabled' then
    return ''
  elseif code == 'endpoint_gone' then
    health.disable(known.endpoint, 'gone', now)
    return 'disabled'
  elseif failures >= DISABLE_FAILURES and now - since >= DISABLE_AFTER_MS then
    health.disable(known.endpoint, 'failing', now)
    return 'disabled'
  end
  local notice = (now - since >= NOTICES_MS[2] and 2) or (now - since >= NOTICES_MS[1] and 1) or 0
  if notice > (known.notice or 0) then
    redis.call('HSET', key, 'notice', notice)
    return 'failing'
  end
  return ''
end
