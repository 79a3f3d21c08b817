-- Reads the two leading fields of a contact record (proto/carillon/v1/contact.proto): phone = 1 as a varint, id = 2.
local function contact_phone(record)
  if not record or record:byte(1) ~= 0x08 then
    return nil
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

-- The number as a number, and the first byte behind it; nil where the record does not begin with one of 7 to 15 digits. Of
-- every contact that is written: spelled out, since one call of byte() costs a third of five.
local function contact_number(record)
  local tag, a, b, c, d, e, f, g, h, i = record:byte(1, 10)
  if tag ~= 0x08 or not c or a < 128 or b < 128 then
    return nil
  end
  local value, after = a - 128 + (b - 128) * 128, d
  if c < 128 then
    value = value + c * 16384
  elseif not d then
    return nil
  elseif d < 128 then
    value, after = value + (c - 128) * 16384 + d * 2097152, e
  elseif not e then
    return nil
  elseif e < 128 then
    value, after = value + (c - 128) * 16384 + (d - 128) * 2097152 + e * 268435456, f
  else
    value = value + (c - 128) * 16384 + (d - 128) * 2097152 + (e - 128) * 268435456
    if not f then
      return nil
    elseif f < 128 then
      value, after = value + f * 34359738368, g
    elseif not g then
      return nil
    elseif g < 128 then
      value, after = value + (f - 128) * 34359738368 + g * 4398046511104, h
    elseif not h or h > 127 then
      return nil
    else
      value, after = value + (f - 128) * 34359738368 + (g - 128) * 4398046511104 + h * 562949953421312, i
    end
  end
  if value < 1000000 or value > 999999999999999 then
    return nil
  end
  return value, after
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
