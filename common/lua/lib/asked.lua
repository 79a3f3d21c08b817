-- @include call.lua
-- The calls that a script is asked about, by batch and bucket: what is the same for many of them is found once, and each hash
-- is asked for all of them at once.
local asked = { batches = {}, buckets = {}, tails = {} }

-- By the batch's id; false where there is none.
function asked.batch(id)
  local batch = batch_load(check_id(id, 48, 'batch'))
  local of_batch = batch and { batch = batch, lead = id .. '/' } or false
  asked.batches[id] = of_batch
  return of_batch
end

-- By `first`, its first ordinal. `names`: its calls that are asked about.
function asked.bucket(of_batch, first)
  local bucket = { of_batch = of_batch, number = fmt(first / BUCKET), names = {} }
  of_batch[first] = bucket
  asked.buckets[#asked.buckets + 1] = bucket
  return bucket
end

-- The bucket of a call that is asked about, `name` being its ordinal as it was given; false where there is no such batch.
function asked.call(id, name)
  local of_batch = asked.batches[id]
  if of_batch == nil then
    of_batch = asked.batch(id)
  end
  if not of_batch then
    return false
  end
  local first = name - name % BUCKET
  local bucket = of_batch[first] or asked.bucket(of_batch, first)
  bucket.names[#bucket.names + 1] = name
  return bucket
end

-- Checks a call's ordinal, its dial and one number more, called `what`: at once where they are what they nearly always are.
function asked.check(name, dial, number, what)
  local all = name .. ' ' .. dial .. ' ' .. number
  if #all > 17 or not all:match('^%d+ %d+ %d+$') then
    check_number(name, 'ordinal')
    check_number(dial, 'dial')
    check_number(number, what)
  end
end

-- The bucket's hash `what`, as map.of() gives it; and its key.
function asked.hash(bucket, what)
  local key = bucket.of_batch.batch.prefix .. ':' .. what .. ':' .. bucket.number
  bucket[what] = map.of(key)
  return bucket[what], key
end

-- Asks for what the hash `what` of each bucket holds of its calls: it is known then.
function asked.look_up(what)
  for _, bucket in ipairs(asked.buckets) do
    local hash, key = asked.hash(bucket, what)
    local known, names = hash.known, bucket.names
    local values = redis.call('HMGET', key, unpack(names))
    for i = 1, #names do
      known[names[i]] = values[i]
    end
  end
end

function asked.tail_new(rest)
  local left = rest:gsub('^ x=[%u_]+', '')
  local before, credit_s = left:match('^(.*) r=(%d+)$')
  left = before or left
  local caller, behind = left:match('^( m=%d+)(.*)$')
  left = behind or left
  return { left:match('^$') or left:match('^ c=%d+$') or false, credit_s or false, caller or false }
end

-- What a text of the usual form may hold behind all else: how the dial before ended, which the next end takes the place of; the
-- number that it is called from; the tail epoch of the claim, which stays; and what of its tenant's credit the dial has. The
-- epoch's words, "" without, false where there is more; the credit, or false; the caller's words, or false.
function asked.tail(rest)
  if rest == '' then
    return rest, false, false
  end
  local tail = asked.tails[rest]
  if not tail then
    tail = asked.tail_new(rest)
    asked.tails[rest] = tail
  end
  return tail[1], tail[2], tail[3]
end
