-- @include store.lua
-- Sorted sets that a claim goes through from their least on, at each slot again. As zset does, it changes them in memory, for
-- commit() to write, but keeps what was put in order, under a handle: a claim puts nearly all of them at the end. What is used
-- through here is not used through zset before the commit().
local agenda = { PAGE_MOST = 64, NONE = {}, all = {} }

-- ---- what is only added, and nobody asks for ----
local additions = { ZADD = {}, HSET = {} }

-- What the command is to write to the key: score and member, or field and value, one after the other.
function additions.to(command, key)
  local list = { key = key }
  local lists = additions[command]
  lists[#lists + 1] = list
  return list
end

function additions.flush(command)
  for _, list in ipairs(additions[command]) do
    if list[1] then
      map.write(command, list.key, unpack(list))
    end
  end
  additions[command] = {}
end

function additions.forget()
  additions.ZADD, additions.HSET = {}, {}
end

-- ---- what is gone through ----

-- scores: what was changed, score or false; members: what was put, ascending, from `first` to `last`; was: what Redis said of
-- what was taken off; coming: the next of what Redis holds, false where it has no more, nil where nobody looked; page: what was
-- read of it, from `at` on; read: how many ranks of it; is_read: all of them.
function agenda.of(key)
  local a = { key = key, scores = {}, members = agenda.NONE, first = 1, last = 0 }
  agenda.all[#agenda.all + 1] = a
  return a
end

function agenda.read(a)
  local page, at, scores = a.page, a.at, a.scores
  if not page then
    page, at = redis.call('ZRANGE', a.key, '0', '3', 'WITHSCORES'), 1
    a.page, a.read, a.size, a.is_read = page, 4, 16, #page < 8
  end
  while true do
    local member = page[at]
    if not member then
      if a.is_read then
        a.at, a.coming = at, false
        return false
      end
      page, at = redis.call('ZRANGE', a.key, fmt(a.read), fmt(a.read + a.size - 1), 'WITHSCORES'), 1
      a.page, a.read, a.is_read = page, a.read + a.size, #page < 2 * a.size
      a.size = agenda.PAGE_MOST
    elseif scores[member] == nil then
      a.at, a.coming, a.coming_score = at + 2, member, tonumber(page[at + 1])
      return member
    else
      at = at + 2
    end
  end
end

-- The member of the least score, and its score; nil where there is none.
function agenda.head(a)
  local scores, coming = a.scores, a.coming
  if coming == nil or scores[coming] ~= nil then
    coming = agenda.read(a)
  end
  local own = a.members[a.first]
  if own then
    local score, other = scores[own], a.coming_score
    if not coming or score < other or (score == other and own < coming) then
      return own, score
    end
  end
  if coming then
    return coming, a.coming_score
  end
end

-- Whether what head() said is known to be all that there is.
function agenda.is_alone(a, member)
  if a.members[a.first] == member then
    return a.first == a.last and not a.coming
  end
  return a.first > a.last and a.is_read and not a.page[a.at]
end

-- Takes off what head() said.
function agenda.shift(a, member)
  if a.members[a.first] == member then
    a.first = a.first + 1
  else
    a.was = a.was or {}
    a.was[member], a.coming = a.coming_score, nil
  end
  a.scores[member] = false
end

function agenda.drop(a, member)
  if a.scores[member] then
    local at = a.first
    while a.members[at] ~= member do
      at = at + 1
    end
    table.remove(a.members, at)
    a.last = a.last - 1
  end
  a.was = a.was or {}
  a.scores[member], a.was[member] = false, a.was[member] or true
end

-- Where it belongs among what was put, the last of which is not before it.
function agenda.place(a, member, score)
  local scores, members, first, last = a.scores, a.members, a.first, a.last - 1
  while first <= last do
    local middle = math.floor((first + last) / 2)
    local other = members[middle]
    if scores[other] < score or (scores[other] == score and other < member) then
      first = middle + 1
    else
      last = middle - 1
    end
  end
  return first
end

-- Of one that is not in there, or that score() or head() told of.
function agenda.put(a, member, score)
  local scores, last = a.scores, a.last
  if scores[member] then
    agenda.drop(a, member)
    last = a.last
  end
  local members = a.members
  if members == agenda.NONE then
    members = {}
    a.members = members
  end
  local before = last >= a.first and members[last]
  local other = before and scores[before]
  if not other or other < score or (other == score and before < member) then
    members[last + 1] = member
  else
    table.insert(members, agenda.place(a, member, score), member)
  end
  scores[member], a.last = score, last + 1
end

-- What head() said gets a later turn.
function agenda.defer(a, member, score)
  if a.first == a.last and a.members[a.first] == member then
    a.scores[member] = score
  else
    agenda.shift(a, member)
    agenda.put(a, member, score)
  end
end

-- nil where it is not in there.
function agenda.score(a, member)
  local score = a.scores[member]
  if score == nil then
    score = zset.score(a.key, member)
    a.was = a.was or {}
    a.was[member] = score
  end
  return score or nil
end

-- Of members no more than a claim has steps.
on_commit(function()
  for _, a in ipairs(agenda.all) do
    local key, was, args, n = a.key, a.was or agenda.NONE, {}, 0
    for member, score in next, a.scores do
      if not score then
        if was[member] then
          zset.drop(key, member)
        end
      elseif was[member] ~= score then
        args[n + 1], args[n + 2] = fmt(score), member
        n = n + 2
      end
    end
    if n > 0 then
      map.write('ZADD', key, unpack(args))
    end
  end
  agenda.all = {}
  additions.flush('ZADD')
end, function()
  agenda.all = {}
  additions.forget()
end)
