-- Where a tenant's batches are found: newest first, and by tag. Single calls have a place of their own.
local TAGS_MOST = 32

-- The tags among the arguments, from `first` on: in hexadecimal.
local function index_tags(first)
  if #ARGV >= first + TAGS_MOST then
    fail('ERR_INVALID tags')
  end
  local tags = {}
  for i = first, #ARGV do
    if not ARGV[i]:match('^[0-9a-f]+$') or #ARGV[i] > 512 then
      fail('ERR_INVALID tag')
    end
    tags[#tags + 1] = ARGV[i]
  end
  return tags
end

local function key_tag(tenant, tag)
  return key_tenant(tenant) .. ':tags:' .. tag
end

local function index_add(batch, tags)
  local created = fmt(tonumber(redis.call('HGET', key_batch(batch.id), 'created_ms') or NOW_MS))
  redis.call('ZADD', key_tenant(batch.tenant) .. (batch.dial and ':dials' or ':batches'), created, batch.id)
  for _, tag in ipairs(tags) do
    redis.call('ZADD', key_tag(batch.tenant, tag), created, batch.id)
  end
end
