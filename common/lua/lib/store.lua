-- @include cell.lua
-- Sorted sets and hashes as a script sees them: read when first asked for, changed in memory, and written by commit(), one
-- command for each key, and all that is added before anything is taken away. A script that ends without it, or that calls
-- zset.discard(), has changed none of them. What is used through here is not read or written past it before a commit().
local zset, map = {}, {}
local commit, on_commit
do
  local PIECE = 500 -- of what one command takes
  local PAGE, PAGE_MOST = 4, 64
  local sets, hashes, flushes, forgets, torn = {}, {}, {}, {}, nil

  local function is_before(score, member, other_score, other)
    return score < other_score or (score == other_score and member < other)
  end

  -- changed: what differs from Redis, score or false; known: what Redis said; page: the next of what Redis holds, from its
  -- rank `read` less the page on; is_read: all of it is known; queue: what was put, since somebody asks for the least.
  local function set_of(key)
    local set = sets[key] or { changed = {}, known = {}, page = {}, at = 1, read = 0, size = PAGE }
    sets[key] = set
    return set
  end

  -- set.queue is a binary heap of {score, member}, the least on top.
  local function enqueue(queue, member, score)
    local i, entry = #queue + 1, { score, member }
    while i > 1 do
      local parent = math.floor(i / 2)
      local above = queue[parent]
      if not is_before(score, member, above[1], above[2]) then
        break
      end
      queue[i], i = above, parent
    end
    queue[i] = entry
  end

  local function dequeue(queue)
    local n = #queue
    local entry = queue[n]
    queue[n] = nil
    n = n - 1
    local i = 1
    while 2 * i <= n do
      local child = 2 * i
      local below, other = queue[child], queue[child + 1]
      if other and is_before(other[1], other[2], below[1], below[2]) then
        child, below = child + 1, other
      end
      if is_before(entry[1], entry[2], below[1], below[2]) then
        break
      end
      queue[i], i = below, child
    end
    if n > 0 then
      queue[i] = entry
    end
  end

  function zset.put(key, member, score)
    local set = sets[key] or set_of(key)
    set.changed[member] = score
    if set.queue then
      enqueue(set.queue, member, score)
    end
  end

  function zset.drop(key, member)
    local set = sets[key] or set_of(key)
    set.changed[member], set.has_drops = false, true
  end

  -- nil where it is not in there.
  function zset.score(key, member)
    local set = sets[key] or set_of(key)
    local score = set.changed[member]
    if score == nil then
      score = set.known[member]
    end
    if score == nil then
      score = not set.is_read and tonumber(redis.call('ZSCORE', key, member) or nil) or false
      set.known[member] = score
    end
    return score or nil
  end

  -- The scores of many, which are asked for one by one then.
  function zset.look_up(key, members)
    local known = set_of(key).known
    for first = 1, #members, PIECE do
      local scores = redis.call('ZMSCORE', key, unpack(members, first, math.min(first + PIECE - 1, #members)))
      for i = 1, #scores do
        known[members[first + i - 1]] = tonumber(scores[i] or nil) or false
      end
    end
  end

  -- How many have a score above that.
  function zset.count_above(key, least)
    local set = set_of(key)
    set.counts = set.counts or {}
    set.counts[least] = set.counts[least] or redis.call('ZCOUNT', key, '(' .. fmt(least), '+inf')
    local n = set.counts[least]
    for member, score in pairs(set.changed) do
      if set.known[member] == nil then
        set.known[member] = tonumber(redis.call('ZSCORE', key, member) or nil) or false
      end
      local was = set.known[member]
      n = n - (was and was > least and 1 or 0) + (score and score > least and 1 or 0)
    end
    return n
  end

  function zset.put_earlier(key, member, score)
    local was = zset.score(key, member)
    if not was or score < was then
      zset.put(key, member, score)
    end
  end

  local function head_of_redis(set, key)
    while true do
      local member = set.page[set.at]
      if member and set.changed[member] == nil then
        return member, set.page[set.at + 1]
      elseif member then
        set.at = set.at + 2
      elseif set.is_read then
        return nil
      else
        local page, known = redis.call('ZRANGE', key, set.read, set.read + set.size - 1, 'WITHSCORES'), set.known
        for i = 1, #page, 2 do
          page[i + 1] = tonumber(page[i + 1])
          known[page[i]] = page[i + 1]
        end
        set.page, set.at, set.read = page, 1, set.read + set.size
        set.is_read = #page < 2 * set.size
        set.size = math.min(4 * set.size, PAGE_MOST)
      end
    end
  end

  local function head_of_put(set)
    local queue = set.queue
    if not queue then
      queue = {}
      set.queue = queue
      for member, score in pairs(set.changed) do
        if score then
          enqueue(queue, member, score)
        end
      end
    end
    local entry = queue[1]
    while entry and set.changed[entry[2]] ~= entry[1] do
      dequeue(queue)
      entry = queue[1]
    end
    return entry
  end

  -- The member of the least score, and its score; nil where there is none.
  function zset.head(key)
    local set = set_of(key)
    local member, score = head_of_redis(set, key)
    local put = head_of_put(set)
    if put and (not member or is_before(put[1], put[2], score, member)) then
      return put[2], put[1]
    end
    return member, score
  end

  local function hash_of(key)
    local fields = hashes[key] or { changed = {}, known = {} }
    hashes[key] = fields
    return fields
  end

  -- nil where it is not in there.
  function map.get(key, field)
    local fields = hashes[key] or hash_of(key)
    local value = fields.changed[field]
    if value == nil then
      value = fields.known[field]
    end
    if value == nil then
      value = redis.call('HGET', key, field)
      fields.known[field] = value
    end
    return value or nil
  end

  -- The values of many, which are asked for one by one then.
  function map.look_up(key, fields)
    local known = hash_of(key).known
    for first = 1, #fields, PIECE do
      local values = redis.call('HMGET', key, unpack(fields, first, math.min(first + PIECE - 1, #fields)))
      for i = 1, #values do
        known[fields[first + i - 1]] = values[i]
      end
    end
  end

  function map.put(key, field, value)
    local fields = hashes[key] or hash_of(key)
    fields.changed[field] = value
  end

  function map.drop(key, field)
    local fields = hash_of(key)
    fields.changed[field], fields.has_drops = false, true
  end

  -- For scripts that work on many of one key: what to write is put into `changed` (false: to be dropped, where `has_drops` is
  -- set too). Not of a set that zset.head() is asked about.
  zset.of, map.of = set_of, hash_of

  -- One command of a commit. What cannot be written for what its key holds is passed over where the script has asked to be
  -- told (`torn`), unless the key is the whole cell's.
  function map.write(command, key, ...)
    local reply = redis.pcall(command, key, ...)
    local why = type(reply) == 'table' and reply.err
    if not why then
      return
    end
    if not torn or key:match('}:%a+$') or not (why:match('WRONGTYPE') or why:match('not an integer')) then
      error(reply)
    end
    torn[#torn + 1] = { key, why }
  end

  local function send(write, command, key, args, n)
    if n > 0 and n <= PIECE then
      write(command, key, unpack(args))
      return
    end
    for first = 1, n, PIECE do
      write(command, key, unpack(args, first, math.min(first + PIECE - 1, n)))
    end
  end

  -- What was put. Scores are whole.
  local function add_scores(write)
    local texts = digits
    for key, set in next, sets do
      local known, args, n = set.known, {}, 1
      for member, score in next, set.changed do
        if score and known[member] ~= score then
          args[n] = texts[score] or fmt(score)
          args[n + 1] = member
          n = n + 2
        end
      end
      send(write, 'ZADD', key, args, n - 1)
    end
  end

  local function add_values(write)
    for key, hash in next, hashes do
      local known, args, n = hash.known, {}, 1
      for field, value in next, hash.changed do
        if value and known[field] ~= value then
          args[n] = field
          args[n + 1] = value
          n = n + 2
        end
      end
      send(write, 'HSET', key, args, n - 1)
    end
  end

  local function remove_all(write, command, all)
    for key, one in next, all do
      if one.has_drops then
        local args, n, known, is_read = {}, 0, one.known, one.is_read
        for name, value in next, one.changed do
          local was = known[name]
          if value == false and (was or was == nil and not is_read) then
            n = n + 1
            args[n] = name
          end
        end
        send(write, command, key, args, n)
      end
    end
  end

  -- `flush` writes what a library keeps in memory by itself, `forget` (or nothing) throws it away.
  function on_commit(flush, forget)
    flushes[#flushes + 1], forgets[#forgets + 1] = flush, forget
  end

  -- Nothing of what was changed since the last commit() is written.
  function zset.discard()
    sets, hashes = {}, {}
    for _, forget in ipairs(forgets) do
      forget()
    end
  end

  -- In an order in which a right that the user lacks leaves sums as they were: asked for again, all is done once. `passed_over`:
  -- takes {key, why} of each command that failed for what its key holds; without it the first ends the script. `is_listed`: what
  -- is put into a sorted set is not to be missed there. It ends the script too, nothing being counted yet.
  function commit(passed_over, is_listed)
    torn = passed_over
    local write = torn and map.write or redis.call
    add_scores(is_listed and redis.call or write)
    for _, flush in ipairs(flushes) do
      flush()
    end
    add_values(write)
    remove_all(write, 'ZREM', sets)
    remove_all(write, 'HDEL', hashes)
    sets, hashes = {}, {}
  end
end
