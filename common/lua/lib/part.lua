-- @include scheduler.lua
-- @include rows.lua
-- @include quota.lua
-- A part of what a batch is filled with, whichever script takes it: batch_ingest where Redis looks for duplicates, batch_take
-- where the producer knows all that the batch has.
local PART_MOST, COLUMNS_BYTES = 500, 4096
local RECORD_BYTES = 128 -- what Redis holds of a part beside its record

-- "<chunk>.<n>", both from 0; a plain number is a chunk of one part.
local function part_is_name(part)
  return #part <= 24 and (part:match('^%d+%.%d+$') or part:match('^%d+$')) ~= nil
end

-- What is to be answered where the part was written before: the first answer, or an error where its contents are others.
local function part_again(id, part, digest)
  local stored = redis.call('HGET', key_batch(id) .. ':chunks', part)
  if stored then
    local known_digest, total, rest = stored:match('^(%S+) (%d+)(.*)$')
    if known_digest ~= digest then
      return redis.error_reply('ERR_EXISTS part ' .. part .. ' with other contents')
    end
    local reply = { total, 1 }
    for word in rest:gmatch('%S+') do
      reply[#reply + 1] = word
    end
    return reply
  end
end

-- The error where the batch takes no contacts now.
local function part_refusal(batch)
  if batch.sealed == '1' and not is_appended_to(batch) then
    return redis.error_reply('ERR_STATE ' .. batch.state .. ', and nobody appends to it')
  elseif batch.sealed ~= '1' and not FILLABLE[batch.state] then
    return redis.error_reply('ERR_STATE ' .. batch.state)
  end
end

-- Another request may have brought the batch's first columns, or further ones, meanwhile: the answer that tells them, where
-- `columns` do not go on from them. Otherwise how many bytes of them the batch has.
local function part_columns_refusal(id, columns)
  local known = columns ~= '' and redis.call('GET', key_columns(id)) or ''
  if columns:sub(1, #known) ~= known and known:sub(1, #columns) ~= columns then
    return { -1, known }
  end
  return nil, #known
end

-- The batch that the part is to be written to, nil, and how many bytes of columns it has; or nil, and the answer where nothing
-- is written: an error, or what was answered the first time.
local function part_admit(id, part, digest, columns)
  if not part_is_name(part) then
    return nil, redis.error_reply('ERR_INVALID part')
  end
  if #columns > COLUMNS_BYTES then
    return nil, redis.error_reply('ERR_INVALID columns')
  end
  local batch = batch_load(id)
  if not batch then
    return nil, redis.error_reply('ERR_NOT_FOUND batch')
  end
  local answer = part_again(id, part, digest) or part_refusal(batch)
  if answer then
    return nil, answer
  end
  local refusal, known = part_columns_refusal(id, columns)
  if refusal then
    return nil, refusal
  end
  return batch, nil, known
end

local function part_add_columns(id, columns, known)
  if #columns > known then
    redis.call('SET', key_columns(id), columns)
    redis.call('HSET', key_batch(id), 'columns', fmt(#columns))
  end
end

-- The contacts are written. `left_out`: the index of each that was not, and why; `lines`: those and what was rejected.
local function part_finish(batch, part, digest, left_out, rejected, lines)
  local chunks_key = key_batch(batch.id) .. ':chunks'
  local kept_bytes = rows_add(batch, lines)
  batch.rejected = batch.rejected + rejected
  batch.duplicates = batch.duplicates + #left_out / 2
  if batch.sealed == '1' then
    batch.due = batch.due + batch.total - batch.was.total
    touch_lane(batch)
    wake_workers()
  end
  local record = digest .. ' ' .. fmt(batch.total) .. ' ' .. table.concat(left_out, ' ')
  redis.call('HSET', chunks_key, part, record)
  load.keep(batch, kept_bytes + #record + RECORD_BYTES)
  redis.call('HINCRBY', chunks_key, part:match('^%d+') .. '.n', 1)
  commit()
  local reply = { fmt(batch.total), 0 }
  for _, word in ipairs(left_out) do
    reply[#reply + 1] = word
  end
  return reply
end
