#!lua flags=no-writes
-- A page of a do-not-call list. A list of up to 1,000 numbers is read whole and cut in the order of its numbers; a longer
-- one as SSCAN walks it: in no order, and a page holds about as many numbers as asked for.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  tenant; "" for everybody's list
-- ARGV[2]  where to go on, as the page before said; "" at the start
-- ARGV[3]  numbers wanted, 1..1000
-- Returns  {how many the list holds, where to go on or "", number, ...}
-- Errors   ERR_INVALID
-- Bound    O(numbers wanted), and O(1,000 * log 1,000) of a short list
-- @include lib/cell.lua
local tenant, from, wanted = ARGV[1], ARGV[2], check_number(ARGV[3], 'wanted')
local SHORT = 1000
-- "n<number>": a short list, after that number; "s<cursor>": a long one. Where the list has become the other kind in
-- between, it is read from its start again: a number may come twice then, and none is left out.
local kind, place = from:match('^([ns])(%d+)$')
if (from ~= '' and not kind) or #from > 21 or wanted < 1 or wanted > SHORT then
  return redis.error_reply('ERR_INVALID page')
end
local key = tenant == '' and KEY_SUPPRESSED or key_suppressed(check_id(tenant, 64, 'tenant'))

local function short_page()
  local numbers, after = redis.call('SMEMBERS', key), kind == 'n' and tonumber(place) or 0
  local later, page = {}, {}
  for _, text in ipairs(numbers) do
    local number = tonumber(text)
    if number > after then
      later[#later + 1] = number
    end
  end
  table.sort(later)
  for i, number in ipairs(later) do
    if i > wanted then
      return page, 'n' .. page[wanted]
    end
    page[i] = fmt(number)
  end
  return page, ''
end

local function long_page()
  local scanned = redis.call('SSCAN', key, kind == 's' and place or '0', 'COUNT', wanted)
  return scanned[2], scanned[1] ~= '0' and 's' .. scanned[1] or ''
end

local total = redis.call('SCARD', key)
local page, next_place
if total <= SHORT then
  page, next_place = short_page()
else
  page, next_place = long_page()
end
return { total, next_place, unpack(page) }
