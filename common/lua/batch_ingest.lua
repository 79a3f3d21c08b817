#!lua
-- Writes a part of a batch's contacts, where the batch is not sealed, or is appended to (chunk_open.lua). A number or
-- contact id that the batch has already is left out and reported; the others get the next ordinals.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  part: "<chunk>.<n>", both from 0; a plain number is a chunk of one part
-- ARGV[3]  digest of the part
-- ARGV[4]  contacts, at most 500
-- ARGV[5]  arguments for each: 1, or 3 where one has an id or extra metadata
-- ARGV[6]  their rows, in runs: "<first>:<how many> ..."
-- ARGV[7]  rows rejected before they came here
-- ARGV[8]  the columns that the records refer to (proto/carillon/v1/contact.proto), each with a newline behind it; or ""
-- ARGV[9..] for each contact: record[, 53-bit hash of the contact id (decimal) or "", extra metadata or ""]; then, at most
--          500, what was rejected (lib/rows.lua)
-- Returns  {total after it, 0|1 (1: this part was there already), index of a left-out contact, "phone"|"id", ...}; or
--          {-1, columns}, and nothing was written: the batch has these, which ARGV[8] does not go on from; or {-2, 0}, and
--          nothing was written: the index lacks contacts, which batch_index adds
-- Errors   ERR_INVALID, ERR_NOT_FOUND, ERR_STATE <state> (sealed, and nobody holds the lease to append), ERR_EXISTS (the
--          part was written with another digest), ERR_QUOTA <quota> <limit>: a creation that is not a draft ends by it
-- Bound    O(contacts); 40 commands, and 4 for each contact
-- Again    the same part and digest answers the first answer
-- @include lib/part.lua
-- @include lib/seen.lua
local id = check_id(ARGV[1], 48, 'batch')
local part = ARGV[2] or ''
local digest = check_id(ARGV[3], 64, 'digest')
local n = check_number(ARGV[4], 'contacts')
local width = check_number(ARGV[5], 'arguments')
local runs = ARGV[6] or ''
local rejected = check_number(ARGV[7], 'rejected')
local columns = ARGV[8] or ''
local FIRST, MOST = 9, PART_MOST
local lines_at = FIRST + n * width
if n < 0 or n > MOST or n % 1 ~= 0 or (width ~= 1 and width ~= 3) or #ARGV < lines_at - 1 or #ARGV >= lines_at + MOST
  or rejected < 0 then
  return redis.error_reply('ERR_INVALID contacts')
end
local batch, answer, columns_known = part_admit(id, part, digest, columns)
if not batch then
  return answer
end

-- From here on every step is one of each contact: Redis counts the instructions of a script, which makes each dear.
local argv, is_wide = ARGV, width == 3
local numbers, records_bytes, at = {}, 0, FIRST
for i = 1, n do
  local record = argv[at]
  local number, after = contact_number(record)
  if not number or (after == 0x12) ~= (is_wide and argv[at + 1] ~= '')
    or (after == 0x12 and not (argv[at + 1]:match('^%d+$') and #argv[at + 1] <= 16)) then
    return redis.error_reply('ERR_INVALID contact')
  end
  numbers[i] = number
  records_bytes = records_bytes + #record
  at = at + width
end

local seen = seen_load(id)
if seen.is_behind then
  return { -2, 0 }
end
local refusal = quota_refuse_part(batch, n, FIRST, lines_at - 1)
if refusal then
  return refusal
end

part_add_columns(id, columns, columns_known)

local left_out = {}
local fresh = {} -- ordinal -> record, of this part, where contacts have ids
local fields, n_fields, extras = {}, 0, {}
local total, extra_bytes = batch.total, 0

local function write_bucket()
  if n_fields > 0 then
    redis.call('HSET', key_bucket(id, 'contacts', total - 1), unpack(fields, 1, n_fields))
    n_fields = 0
  end
end

at = FIRST
for i = 1, n do
  local record, hash, why = argv[at], is_wide and argv[at + 1] or '', nil
  if hash ~= '' and seen_has_id(seen, hash, record, fresh) then
    why = 'id'
  elseif not seen_add_number(seen, numbers[i]) then
    why = 'phone'
  end
  if why then
    left_out[#left_out + 1] = fmt(i - 1)
    left_out[#left_out + 1] = why
    records_bytes = records_bytes - #record
  else
    if is_wide then
      fresh[total] = record
      if hash ~= '' then
        seen_add_id(seen, hash, total)
      end
      if argv[at + 2] ~= '' then
        extras[#extras + 1] = { total, argv[at + 2] }
        extra_bytes = extra_bytes + #argv[at + 2]
      end
    end
    fields[n_fields + 1] = format('%d', total)
    fields[n_fields + 2] = record
    n_fields, total = n_fields + 2, total + 1
    if total % BUCKET == 0 then
      write_bucket()
    end
  end
  at = at + width
end
write_bucket()
batch.bytes = batch.bytes + contacts_bytes(total - batch.total, records_bytes + extra_bytes)
batch.total = total
for _, extra in ipairs(extras) do
  redis.call('HSET', key_bucket(id, 'extra', extra[1]), extra[1], extra[2])
end
seen_grow(seen, batch.total)

-- What was not taken, in words.
local chunk, lines = part:match('^%d+'), {}
for i = lines_at, #ARGV do
  lines[#lines + 1] = chunk .. ' ' .. ARGV[i]
end
for i = 1, #left_out, 2 do
  local index = tonumber(left_out[i])
  local is_id = left_out[i + 1] == 'id'
  local value = is_id and contact_id(ARGV[FIRST + index * width]) or '+' .. fmt(numbers[index + 1])
  lines[#lines + 1] = rows_duplicate(chunk, rows_number(runs, index), is_id and 'id' or 'phoneNumber', value)
end
return part_finish(batch, part, digest, left_out, rejected, lines)
