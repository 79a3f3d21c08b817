-- @include call.lua
-- @include note.lua
-- The breaker of a trunk (docs/decisions/0017-breakers.md). Create requests that come to nothing are counted against those that the
-- platform answers; above a rate nothing begins any more but one call at a time, which tries it. closed -> open -> probing
-- -> closed, or open again and for twice as long.
--
-- trunk:<trunk> has `breaker_until_ms` while it is not closed: nothing of the trunk begins before, and after it one call, the
-- probe. A probe that is claimed, and again one that is begun, moves that instant to when it is lost at the latest: so a
-- worker that dies with it needs no care. Only the probe's verdict counts while the breaker is not closed: what was begun
-- before it opened tells of then.
--
-- `verdicts` is "<last bad ms> <good> <bad>". It begins with a bad one and is forgotten a minute after the last of them, so
-- that as long as all goes well nothing is written; at twice the least number both are halved: the latest count most.
breaker.PERCENT, breaker.MINIMUM = 50, 20 -- where the trunk has none of its own
breaker.FORGET_MS = 60000
breaker.WAIT_MS, breaker.WAIT_MOST_MS = 5000, 300000
breaker.trunks = {}

function breaker.load(trunk_id)
  local b = breaker.trunks[trunk_id]
  if not b then
    local key = key_trunk(trunk_id)
    local values = redis.call('HMGET', key, 'breaker_until_ms', 'verdicts', 'breaker_probe', 'breaker_wait_ms')
    local last, good, bad = (values[2] or ''):match('^(%d+) (%d+) (%d+)$')
    b = { id = trunk_id, key = key, until_ms = tonumber(values[1] or nil), probe = values[3] or nil,
      wait_ms = tonumber(values[4] or nil), last_ms = tonumber(last), good = tonumber(good), bad = tonumber(bad) }
    breaker.trunks[trunk_id] = b
  end
  return b
end

-- Up to a quarter later, so that trunks at one platform do not try it in step.
function breaker.open(b, reason, wait_ms)
  local what = b.until_ms and 'reopened' or 'opened'
  b.wait_ms = math.min(wait_ms, breaker.WAIT_MOST_MS)
  b.until_ms = NOW_MS + b.wait_ms + math.floor(b.wait_ms * (NOW_US % 997) / 3988)
  b.probe, b.last_ms = nil, nil
  redis.call('HSET', b.key, 'breaker', 'open', 'breaker_until_ms', fmt(b.until_ms), 'breaker_wait_ms', fmt(b.wait_ms),
    'breaker_reason', reason)
  redis.call('HSETNX', b.key, 'breaker_since_ms', fmt(NOW_MS))
  redis.call('HDEL', b.key, 'breaker_probe', 'verdicts')
  notes.add('breaker', b.id, what, reason, fmt(b.until_ms))
end

function breaker.close(b)
  b.until_ms, b.probe = nil, nil
  breaker.forget(b.key)
  notes.add('breaker', b.id, 'closed', '', '')
  touch_trunk(b.id, NOW_MS)
  wake_workers()
end

-- The probe told nothing of its platform: the next call may be it.
function breaker.pass_on(batch, member)
  local b = breaker.load(batch.trunk)
  if b.probe == member then
    b.until_ms, b.probe = NOW_MS, nil
    redis.call('HSET', b.key, 'breaker', 'open', 'breaker_until_ms', fmt(NOW_MS))
    redis.call('HDEL', b.key, 'breaker_probe')
    touch_trunk(b.id, NOW_MS)
  end
end

-- ---- verdicts: each dial has one ----

function breaker.settings(b)
  local values = redis.call('HMGET', b.key, 'breaker_percent', 'breaker_minimum')
  return tonumber(values[1] or nil) or breaker.PERCENT, tonumber(values[2] or nil) or breaker.MINIMUM
end

function breaker.count(b, minimum)
  if b.good + b.bad >= 2 * minimum then
    b.good, b.bad = math.floor(b.good / 2), math.floor(b.bad / 2)
  end
  redis.call('HSET', b.key, 'verdicts', fmt(b.last_ms) .. ' ' .. fmt(b.good) .. ' ' .. fmt(b.bad))
end

-- The platform took the dial, or refused it for what it is.
function breaker.good(batch, call)
  local b = breaker.load(batch.trunk)
  if b.until_ms then
    if b.probe == call_member(batch, call) then
      breaker.close(b)
    end
  elseif b.last_ms and NOW_MS - b.last_ms > breaker.FORGET_MS then
    b.last_ms = nil
    redis.call('HDEL', b.key, 'verdicts')
  elseif b.last_ms then
    local _, minimum = breaker.settings(b)
    b.good = b.good + 1
    breaker.count(b, minimum)
  end
end

-- It could not be reached, failed, or gave no certain answer.
function breaker.bad(batch, call, reason)
  local b = breaker.load(batch.trunk)
  if b.until_ms then
    if b.probe == call_member(batch, call) then
      breaker.open(b, reason, 2 * b.wait_ms)
    end
    return
  end
  local percent, minimum = breaker.settings(b)
  if percent == 0 then
    return
  end
  if not b.last_ms or NOW_MS - b.last_ms > breaker.FORGET_MS then
    b.good, b.bad = 0, 0
  end
  b.last_ms, b.bad = NOW_MS, b.bad + 1
  local total = b.good + b.bad
  if total >= minimum and b.bad * 100 >= percent * total then
    breaker.open(b, fmt(b.bad) .. ' of ' .. fmt(total) .. ' failed, the last: ' .. reason, breaker.WAIT_MS)
  else
    breaker.count(b, minimum)
  end
end
