import { LAYOUT } from "./keys.js";
import { Script } from "./script.js";

// Every script takes the keys of the namespace in the same order. What is stored comes from ARGV and goes
// out as it is: Lua's cjson would change numbers and empty arrays, so no script reads JSON.
const NAMES = "local records, keys, users, order, leads, ends, meta = unpack(KEYS)\n";

// A write, before it touches anything.
const GUARD = `
local layout = redis.call('HGET', meta, 'layout')
if layout and layout ~= '${LAYOUT}' then
  return redis.error_reply('TOKENKEEP_LAYOUT ' .. layout)
end
if not layout then redis.call('HSET', meta, 'layout', '${LAYOUT}') end
`;

// drop: takes a record away with all that led to it. The lead tells what that is.
const DROP = `
local function partsOf(lead)
  local parts = {}
  for part in string.gmatch(lead, '%S+') do parts[#parts + 1] = part end
  return parts
end
local function free(key, id)
  if redis.call('HGET', keys, key) == id then redis.call('HDEL', keys, key) end
end
local function drop(id, lead)
  local parts = partsOf(lead)
  for i = 5, #parts do free(parts[i], id) end
  if parts[4] ~= '-' then redis.call('ZREM', users, parts[4] .. ':' .. parts[3] .. ':' .. id) end
  redis.call('HDEL', records, id)
  redis.call('ZREM', order, parts[2] .. ':' .. id)
  redis.call('HDEL', leads, id)
  redis.call('ZREM', ends, id)
end
`;

// Fields of hashes end by themselves (HPEXPIREAT); members of sorted sets do not. Each write takes away what
// a few ended records left, and the keys end with the last of them where no record is to stay.
const TTL = `
local isTimed = redis.call('EXISTS', ends) == 1
local function now()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local function sweep()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now(), 'LIMIT', 0, 20)) do
    local lead = redis.call('HGET', leads, id)
    if lead then drop(id, lead) else redis.call('ZREM', ends, id) end
  end
end
local function endWithTheLast()
  local timed = redis.call('ZCARD', ends)
  local last = timed > 0 and timed == redis.call('HLEN', leads)
    and redis.call('ZREVRANGE', ends, 0, 0, 'WITHSCORES')[2]
  for _, key in ipairs({ users, order, leads, ends }) do
    if last then redis.call('PEXPIREAT', key, last) else redis.call('PERSIST', key) end
  end
end
`;

/** Sets the layout up, or refuses it. ARGV: `1` where fields have to end by themselves. */
export const OPEN: Script = new Script(
  "open",
  `#!lua
${NAMES}${GUARD}
if ARGV[1] == '1' then redis.call('HPEXPIREAT', records, 1, 'FIELDS', 1, '') end
return 1`,
);

/** ARGV: pairs of kind (`id`, `user`, `key`) and key. Returns the JSON of what they lead to. */
export const FIND: Script = new Script(
  "find",
  `#!lua flags=no-writes
${NAMES}
local found = {}
local function take(id)
  local record = id and redis.call('HGET', records, id)
  if record then found[#found + 1] = record end
  return record
end
for i = 1, #ARGV, 2 do
  local kind, key = ARGV[i], ARGV[i + 1]
  if kind == 'id' then
    take(key)
  elseif kind == 'user' then
    -- the newest that has not ended: 62 is where the id begins
    local offset = 0
    repeat
      local member = redis.call('ZREVRANGEBYLEX', users, '(' .. key .. ';', '[' .. key .. ':', 'LIMIT', offset, 1)[1]
      offset = offset + 1
    until not member or take(string.sub(member, 62))
  else
    take(redis.call('HGET', keys, key))
  end
end
return found`,
);

/**
 * Insert and replace. ARGV: etag of the version that is to be replaced or '', id, etag, JSON, createdAt,
 * savedAt (16 digits each), opaque user or '-', ttl in milliseconds or '', then the unique keys.
 * Returns 1, or 0 where something was in the way. A write that is sent twice counts once.
 */
export const WRITE: Script = new Script(
  "write",
  `#!lua
${NAMES}${GUARD}${DROP}${TTL}
if isTimed then sweep() end
local previous, id, etag, json, created, saved, user, ttl = unpack(ARGV, 1, 8)
local lead = redis.call('HGET', leads, id)
local exists = redis.call('HEXISTS', records, id) == 1
local stored = lead and string.match(lead, '^%S+')
if exists and not lead then return redis.error_reply('TOKENKEEP_CORRUPT') end
if exists and stored == etag then
  redis.call('HSET', leads, id, lead) -- so that a WAIT behind this waits for it
  return 1
end
if exists ~= (previous ~= '') or (exists and stored ~= previous) then return 0 end
local isNew, all = {}, {}
local holders = #ARGV > 8 and redis.call('HMGET', keys, unpack(ARGV, 9)) or {}
for i, holder in ipairs(holders) do
  local key = ARGV[i + 8]
  if holder and holder ~= id and redis.call('HEXISTS', records, holder) == 1 then return 0 end
  all[key] = true
  -- where records end, each field is written anew, and with it when it ends
  if holder ~= id or isTimed or ttl ~= '' then
    isNew[#isNew + 1] = key
    isNew[#isNew + 1] = id
  end
end
if exists then
  local parts = partsOf(lead)
  for i = 5, #parts do
    if not all[parts[i]] then free(parts[i], id) end
  end
  if parts[4] ~= '-' then redis.call('ZREM', users, parts[4] .. ':' .. parts[3] .. ':' .. id) end
else
  if lead then drop(id, lead) end
  redis.call('ZADD', order, 0, created .. ':' .. id)
end
redis.call('HSET', records, id, json)
redis.call('HSET', leads, id, table.concat({ etag, created, saved, user, unpack(ARGV, 9) }, ' '))
if user ~= '-' then redis.call('ZADD', users, 0, user .. ':' .. saved .. ':' .. id) end
if #isNew > 0 then redis.call('HSET', keys, unpack(isNew)) end
if ttl ~= '' then
  local last = now() + tonumber(ttl)
  redis.call('HPEXPIREAT', records, last, 'FIELDS', 1, id)
  if #ARGV > 8 then redis.call('HPEXPIREAT', keys, last, 'FIELDS', #ARGV - 8, unpack(ARGV, 9)) end
  redis.call('ZADD', ends, last, id)
elseif isTimed then
  redis.call('ZREM', ends, id)
end
if isTimed or ttl ~= '' then endWithTheLast() end
return 1`,
);

/** ARGV: id. */
export const REMOVE: Script = new Script(
  "remove",
  `#!lua flags=allow-oom
${NAMES}${GUARD}${DROP}${TTL}
local lead = redis.call('HGET', leads, ARGV[1])
if lead then drop(ARGV[1], lead) else redis.call('HDEL', records, ARGV[1]) end
if isTimed then
  sweep()
  endWithTheLast()
end
return 1`,
);

/** Unlinks what the namespace has: the memory is given back behind the scenes. */
export const CLEAR: Script = new Script(
  "clear",
  `#!lua flags=allow-oom
${NAMES}${GUARD}
redis.call('UNLINK', records, keys, users, order, leads, ends)
redis.call('HINCRBY', meta, 'cleared', 1)
return 1`,
);

/**
 * A page. ARGV: the member of `order` to begin behind or '', how many, how many bytes are enough.
 * Returns how often the namespace was cleared, the last member that was looked at or '' at the end, and the
 * records.
 */
export const SCAN: Script = new Script(
  "scan",
  `#!lua flags=no-writes
${NAMES}
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local limit, enough = tonumber(ARGV[2]), tonumber(ARGV[3])
local page = redis.call('ZRANGEBYLEX', order, from, '+', 'LIMIT', 0, limit)
local found, last, bytes = {}, '', 0
for _, member in ipairs(page) do
  local record = redis.call('HGET', records, string.sub(member, 18))
  last = member
  if record then
    found[#found + 1] = record
    bytes = bytes + #record
    if bytes >= enough then break end
  end
end
if #page < limit and last == (page[#page] or '') then last = '' end
return { redis.call('HGET', meta, 'cleared') or '0', last, found }`,
);
