-- Chunks in which a tenant fills a batch: `chunks` holds each part that was written and how many those are (batch_ingest.lua), each whole chunk with
-- its digest and its answer, and in `open` the chunks that were begun and are not whole.
local function key_chunks(batch_id) return key_batch(batch_id) .. ':chunks' end

local function chunks_unfinished(batch_id)
  local open = {}
  for chunk in (redis.call('HGET', key_chunks(batch_id), 'open') or ''):gmatch('%d+') do
    open[#open + 1] = chunk
  end
  return open
end

local function chunks_leave_open(batch_id, open)
  if #open > 0 then
    redis.call('HSET', key_chunks(batch_id), 'open', table.concat(open, ' '))
  else
    redis.call('HDEL', key_chunks(batch_id), 'open')
  end
end

-- Its digest and its answer, where the chunk is whole.
local function chunk_read(batch_id, chunk)
  local text = redis.call('HGET', key_chunks(batch_id), chunk)
  if not text then
    return nil
  end
  return text:match('^(%S+) (.*)$')
end
