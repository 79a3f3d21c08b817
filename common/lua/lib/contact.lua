-- Reads the two leading fields of a contact record (proto/carillon/v1/contact.proto): phone = 1 as a varint, id = 2.
local function contact_phone(record)
  local tag, a, b, c, d, e, f
  if record then
    tag, a, b, c, d, e, f = record:byte(1, 7)
  end
  if tag ~= 0x08 then
    return nil
  end
  -- The numbers of most countries have six of these bytes, or five, each 128 too large but the last.
  if f and a >= 128 and b >= 128 and c >= 128 and d >= 128 then
    local value = a + b * 128 + c * 16384 + d * 2097152 + e * 268435456
    if e < 128 then
      return fmt(value - 270549120), 7
    elseif f < 128 then
      return fmt(value - 34630287488 + f * 34359738368), 8
    end
  end
  local value, scale, at = 0, 1, 2
  for _ = 1, 8 do
    local byte = record:byte(at)
    if not byte then
      return nil
    end
    at = at + 1
    if byte < 128 then
      return fmt(value + byte * scale), at
    end
    value = value + (byte - 128) * scale
    scale = scale * 128
  end
  return nil
end

local function contact_id(record)
  local phone, at = contact_phone(record)
  if not phone or record:byte(at) ~= 0x12 then
    return ''
  end
  local length = record:byte(at + 1)
  local from = at + 2
  if length >= 128 then
    length = length - 128 + record:byte(at + 2) * 128
    from = at + 3
  end
  return record:sub(from, from + length - 1)
end
