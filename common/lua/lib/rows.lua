-- What a batch did not take, row by row, for its tenant: a list of lines "<chunk> <row> <code> <field> <value>", in the order
-- in which it was found; "-" where it is about the whole row; the value is the rest of the line, and may be empty.
local ROWS_MOST = 10000 -- kept; the batch's counters go on

-- The row of contact `index` (from 0) of a part whose rows are given in runs.
local function rows_number(runs, index)
  for first, count in runs:gmatch('(%d+):(%d+)') do
    if index < tonumber(count) then
      return fmt(tonumber(first) + index)
    end
    index = index - tonumber(count)
  end
  return '0'
end

local function rows_duplicate(chunk, row, field, value)
  return chunk .. ' ' .. row .. ' DUPLICATE ' .. field .. ' ' .. value
end

-- Returns how many bytes of them were added.
local function rows_add(batch, lines)
  local bytes = 0
  if #lines == 0 then
    return bytes
  end
  local key = key_batch(batch.id) .. ':rows'
  local left = ROWS_MOST - redis.call('LLEN', key)
  for from = 1, math.min(#lines, left), 500 do
    redis.call('RPUSH', key, unpack(lines, from, math.min(from + 499, #lines, left)))
  end
  for i = 1, math.min(#lines, left) do
    bytes = bytes + #lines[i]
  end
  return bytes
end
