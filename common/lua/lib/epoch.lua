-- @include cell.lua
-- The cell's epoch counts its closings. A closed cell hands out no calls and lets none begin, while workers tell again
-- what they hold (cell_reassert): after another Redis than before, or one whose clock jumped, what it says of calls on
-- their way may be old. Everything else goes on.
--
-- A Redis that was killed, or another that took its place, may have lost its last seconds: the tail. What the tail
-- held was true all the same. So each call is in doubt at its first claim after such a closing if it could have been
-- claimed and begun in the tail: `f` in its state is the first of its dial numbers that may have been used, and call_begin
-- refuses it until somebody has asked the platform for those (call_doubt). `c` is the tail epoch of a call's last claim,
-- by which its first claim after the closing is known.
local KEY_CELL = P .. 'cell'
-- "everysec" writes once a second, a slow disk makes that two. A primary that was cut off from its replicas takes writes for
-- up to four (min-replicas-max-lag 2: it reckons in whole seconds, and looks once a second).
local TAIL_MS = 4000
local CLAIM_AHEAD_MS = 200 -- a claim hands out slots that far ahead
-- A primary that another took the place of goes on for who is still connected to it, while the cell is closed at the other.
local TAIL_GOES_ON_MS = 3000

local epoch_known

-- number: of this epoch. is_stopped: by an operator (cell_stop). closed_until_ms: 0 where the cell is open. tail: the epoch whose closing lost a tail, which was
-- written between tail_from_ms, the last time that Redis remembers, and tail_ms, soon after the closing; 0 where none was ever lost.
-- tail_earlier: the tail_from_ms of tails that were lost shortly before, of which calls may still be in doubt.
-- restored: the epoch in which Redis was put back from a backup (cell_restored) and lacks all that was written between
-- restored_from_ms and restored_ms: a tail of any length, for the batches of before; 0 where it never was.
local function epoch_load()
  if not epoch_known then
    local values = redis.call('HMGET', KEY_CELL, 'epoch', 'closed_ms', 'closed_until', 'tail_epoch', 'tail_ms',
      'tail_from_ms', 'stopped_ms', 'restored_epoch', 'restored_from_ms', 'restored_ms', 'tail_earlier')
    local closed_ms = tonumber(values[2]) or 0
    epoch_known = {
      number = tonumber(values[1]) or 1, closed_ms = closed_ms, is_stopped = values[7] ~= false,
      -- A clock that was set back below the closing must not keep the cell closed for as long as it was set back.
      closed_until_ms = closed_ms <= NOW_MS and tonumber(values[3]) or 0,
      tail = tonumber(values[4]) or 0, tail_ms = tonumber(values[5]) or 0,
      tail_from_ms = tonumber(values[6]) or 0,
      restored = tonumber(values[8]) or 0, restored_from_ms = tonumber(values[9]) or 0,
      restored_ms = tonumber(values[10]) or 0, tail_earlier = values[11] or '',
    }
    if epoch_known.closed_until_ms <= NOW_MS then
      epoch_known.closed_until_ms = 0
    end
  end
  return epoch_known
end

-- When a worker was heard of last, as far as Redis remembers; nil where none is noted.
local function epoch_seen_ms()
  return tonumber(redis.call('ZRANGE', KEY_WORKERS, 0, 0, 'REV', 'WITHSCORES')[2] or nil)
end

-- Where calls of tails that were lost before may be looked for too, oldest first. What is older tells nobody's call any more
-- (PLACED_SURE_MS of lib/call.lua), and was in doubt for longer than it could be on the line.
local EARLIER_MS, EARLIER_MOST = 780000, 8
local function epoch_earlier(more_ms)
  local kept = {}
  for text in (epoch_load().tail_earlier .. ' ' .. (more_ms and fmt(more_ms) or '')):gmatch('%d+') do
    if tonumber(text) > NOW_MS - EARLIER_MS and kept[#kept] ~= text then
      kept[#kept + 1] = text
    end
  end
  return table.concat(kept, ' ', math.max(1, #kept - EARLIER_MOST + 1))
end

-- Closes the cell for `for_ms`. `by`: "run_id", "backup" (the tail may be lost) or "clock".
local function epoch_close(by, for_ms)
  local number = epoch_load().number + 1
  redis.call('HSET', KEY_CELL, 'epoch', fmt(number), 'closed_ms', fmt(NOW_MS), 'closed_until', fmt(NOW_MS + for_ms),
    'closed_by', by)
  if by ~= 'clock' then
    local earlier = epoch_earlier(epoch_load().tail > 0 and epoch_load().tail_from_ms or nil)
    redis.call('HSET', KEY_CELL, 'tail_epoch', fmt(number), 'tail_ms', fmt(NOW_MS + TAIL_GOES_ON_MS),
      'tail_from_ms', fmt(math.min(NOW_MS, epoch_seen_ms() or NOW_MS)), 'tail_earlier', earlier)
  end
  epoch_known = nil
end

-- True where the call was not claimed since the tail was lost, and is not known to be in doubt yet.
local function tail_may_hold(call)
  return not call.f and (tonumber(call.c) or 0) ~= epoch_load().tail
end

-- How many calls of the batch may have been claimed in the tail: what its rate allows. Reckoned at the batch's first
-- visit after the closing: that many of its next fresh contacts, and of its retries that were due before, are in doubt.
local function tail_enter(batch)
  local tail = epoch_load()
  if (batch.tail_epoch or 0) == tail.tail then
    return
  end
  local created_ms = tonumber(redis.call('HGET', key_batch(batch.id), 'created_ms')) or 0
  local span_ms = TAIL_MS
  if (batch.tail_epoch or 0) < tail.restored and created_ms <= tail.restored_ms then
    span_ms = math.max(TAIL_MS, tail.restored_ms - tail.restored_from_ms)
  end
  local most = math.ceil(batch.cps * (span_ms + CLAIM_AHEAD_MS) / 1000) + 1
  if created_ms > tail.tail_ms then
    most = 0
  end
  -- What an earlier loss left in doubt stays so.
  batch.tail_cursor = math.max(batch.tail_cursor or 0, batch.cursor + most)
  batch.tail_due = math.max(batch.tail_due or 0, most)
  batch.tail_epoch = tail.tail
end

-- A call of the retries, due since `due_ms`, is being claimed.
local function tail_doubt_retry(batch, call, due_ms)
  local tail = epoch_load()
  if tail.tail == 0 then
    return
  end
  tail_enter(batch)
  if due_ms <= tail.tail_ms + CLAIM_AHEAD_MS and tail_may_hold(call) and batch.tail_due > 0 then
    batch.tail_due = batch.tail_due - 1
    call.f = call.d + 1
  end
end

-- The same for a fresh contact.
local function tail_doubt_fresh(batch, call)
  if epoch_load().tail == 0 then
    return
  end
  tail_enter(batch)
  if call.ordinal < batch.tail_cursor then
    call.f = 1
  end
end

-- A call becomes due again that was claimed before the tail was lost: its next dial may have been begun in it, and so may
-- this one where it was only claimed.
local function tail_doubt_due(call)
  if tail_may_hold(call) then
    call.f = call.phase == 'claimed' and call.d or call.d + 1
  end
end
