-- The cell: its prefix, its time, its key names. Included first by every script.
--
-- KEYS[1] is the prefix "carillon:{<cell>}:"; every other key is derived from it, under the same hash tag, so that one
-- script touches one slot (docs/decisions/0003-derived-keys.md). common/redis/keys.c spells the same names for C.
local P = KEYS[1]
if not P or not P:match('^carillon:{[a-z0-9]+}:$') then
  return redis.error_reply('ERR_INVALID KEYS[1] is not a cell prefix')
end

-- One instant for the whole script, in integer microseconds: 16 digits, exact in a double, but only through fmt().
local clock = redis.call('TIME')
local NOW_US = clock[1] * 1000000 + clock[2]
local NOW_MS = math.floor(NOW_US / 1000)

-- A script writes the same few numbers again and again, and to write one anew takes as long as ten of its steps. So does Redis
-- for each that a command is given as a number.
local digits = {}
local function fmt(number)
  local text = digits[number]
  if not text then
    text = string.format('%.0f', number)
    digits[number] = text
  end
  return text
end

local function fail(message)
  error({ err = message })
end

-- Identifiers become parts of keys and members, which are joined by '/' and ':' (data-model: checked in C and again here).
local function check_id(text, max, what)
  if not text or #text == 0 or #text > max or not text:match('^[A-Za-z0-9_-]+$') then
    fail('ERR_INVALID ' .. what)
  end
  return text
end

local function check_number(text, what)
  local number = tonumber(text)
  if not number or number ~= number or number < -9007199254740992 or number > 9007199254740992 then
    fail('ERR_INVALID ' .. what)
  end
  return number
end

-- The platform's words, or our own for them.
local function check_reason(text)
  if #text > 200 then
    fail('ERR_INVALID reason')
  end
  return text
end

local BUCKET = 64
local LANE = '0' -- one lane a batch until contact-local calling windows come

local function key_trunk(trunk) return P .. 'trunk:' .. trunk end
local function key_tenant(tenant) return P .. 'tenant:' .. tenant end
-- What a tenant uses of its quotas: lib/quota.lua.
local function key_load(tenant) return P .. 'load:t/' .. tenant end
local function key_batch(batch) return P .. 'batch:' .. batch end
local function key_bucket(batch, what, ordinal)
  return P .. 'batch:' .. batch .. ':' .. what .. ':' .. fmt(math.floor(ordinal / BUCKET))
end
local function key_columns(batch) return P .. 'batch:' .. batch .. ':columns' end
local function key_appending(batch) return P .. 'batch:' .. batch .. ':appending' end
local function key_retry(batch) return P .. 'batch:' .. batch .. ':retry:' .. LANE end

local KEY_TRUNKS = P .. 'trunks'
local KEY_CLAIMED = P .. 'claimed'
local KEY_LIVE = P .. 'live'
local KEY_ENDED = P .. 'ended'
local KEY_PARKED = P .. 'parked'
local KEY_ENDING = P .. 'ending'
local KEY_STOPPING = P .. 'stopping'
local KEY_PURGE = P .. 'purge'
local KEY_EXPIRIES = P .. 'expiries'
local KEY_HOURS = P .. 'hours'
local KEY_APPENDING = P .. 'appending'
local KEY_FUNDED = P .. 'funded'
local KEY_WORKERS = P .. 'workers'
local KEY_WAKE = P .. 'wake'
local KEY_WAKE_EVENTS = P .. 'wake:events'

local function key_flows_waiting(trunk) return P .. 'waiting:k/' .. trunk end
local function key_flows_turn(trunk) return P .. 'turn:k/' .. trunk end
local function key_flows_vt(trunk) return P .. 'vt:k/' .. trunk end
local function key_lanes_waiting(trunk, tenant) return P .. 'waiting:f/' .. trunk .. '/' .. tenant end
local function key_lanes_ready(trunk, tenant) return P .. 'ready:f/' .. trunk .. '/' .. tenant end
local function key_parked_flows(tenant) return P .. 'parked:t/' .. tenant end
local function key_parked_lanes(batch) return P .. 'parked:b/' .. batch end
local function key_unfunded(tenant) return P .. 'unfunded:t/' .. tenant end
local function key_dialing(tenant) return P .. 'dialing:t/' .. tenant end
local function key_dials(tenant, kind) return P .. 'dials:' .. kind .. '/' .. tenant end
local function key_held(tenant) return P .. 'held:t/' .. tenant end
local function key_placed(number) return P .. 'placed:' .. number end

-- Do-not-call numbers: everybody's, and a tenant's own.
local KEY_SUPPRESSED = P .. 'suppressed'
local function key_suppressed(tenant) return P .. 'suppressed:t/' .. tenant end

-- What concurrency and rate belong to: a trunk ('k'), a tenant ('t') or a batch ('b').
local function key_flying(kind, id) return P .. 'flying:' .. kind .. '/' .. id end
local function key_begins(kind, id) return P .. 'begins:' .. kind .. '/' .. id end
