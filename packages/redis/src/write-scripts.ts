import { LAYOUT } from "./keys.js";
import { Script } from "./script.js";

// Every script here takes the keys of the namespace in the same order. What is stored comes from ARGV as it is.
// A call from Lua costs more than the little that it does, so the scripts make few.

// Before anything is touched. `timed` is set for as long as a record with an end may be there.
const BEGIN = `
local records, index, users, order, ends, meta = unpack(KEYS)
local layout, isTimed = unpack(redis.call('HMGET', meta, 'layout', 'timed'))
if layout ~= '${LAYOUT}' then
  if layout then return redis.error_reply('TOKENKEEP_LAYOUT ' .. layout) end
  redis.call('HSET', meta, 'layout', '${LAYOUT}')
end
`;

// drop: takes a record away with all that led to it. Its lead tells what that is.
const DROP = `
local function free(key, id)
  -- a record that has ended may have lost it to another
  if not isTimed or redis.call('HGET', index, key) == id then redis.call('HDEL', index, key) end
end
local function freeUser(user, id)
  if user == '-' then return end
  if redis.call('HGET', index, user) == id then redis.call('HDEL', index, user) end
  redis.call('ZREM', users, user .. ':' .. id)
end
local function drop(id, lead)
  local created, user, keys = string.match(lead, '^%S+ (%S+) %S+ (%S+)(.*)')
  for key in string.gmatch(keys, '%S+') do free(key, id) end
  freeUser(user, id)
  redis.call('HDEL', records, id)
  redis.call('ZREM', order, created .. ':' .. id)
  redis.call('HDEL', index, ':' .. id)
  redis.call('ZREM', ends, id)
end
`;

// Fields of hashes end by themselves (HPEXPIREAT); members of sorted sets do not. Each write takes away what
// a few ended records left, and the keys end with the last of them where no record is to stay.
const TTL = `
local function now()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local function sweep()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now(), 'LIMIT', 0, 20)) do
    local lead = redis.call('HGET', index, ':' .. id)
    if lead then drop(id, lead) else redis.call('ZREM', ends, id) end
  end
end
local function endWithTheLast()
  local timed = redis.call('ZCARD', ends)
  if timed == 0 then redis.call('HDEL', meta, 'timed') else redis.call('HSET', meta, 'timed', '1') end
  local last = timed > 0 and timed == redis.call('ZCARD', order)
    and redis.call('ZREVRANGE', ends, 0, 0, 'WITHSCORES')[2]
  for _, key in ipairs({ index, users, order, ends }) do
    if last then redis.call('PEXPIREAT', key, last) else redis.call('PERSIST', key) end
  end
end
`;

/** Sets the layout up, or refuses it. ARGV: `1` where fields have to end by themselves. */
export const OPEN: Script = new Script(
  "open",
  `#!lua
${BEGIN}
if ARGV[1] == '1' then redis.call('HPEXPIREAT', records, 1, 'FIELDS', 1, '') end
return 1`,
);

/**
 * Inserts and replaces, many at once. ARGV: ttl in milliseconds or '', then for each: how many fields of `index`
 * it has, the etag of the version that is to be replaced or '', its lead, its JSON, and those fields: its lead's
 * (the id with a colon in front), the opaque user or '-', the unique keys.
 * Returns for each 1, or 0 where something was in the way, or -1 where what is stored is broken. A write that is
 * sent twice counts once.
 */
export const WRITE: Script = new Script(
  "write",
  `#!lua
${BEGIN}${DROP}${TTL}
local ttl = ARGV[1]
local mayEnd = isTimed or ttl ~= ''
if isTimed then sweep() end
local function write(first, last)
  local previous, lead, json, place, user = unpack(ARGV, first, first + 4)
  local id = string.sub(place, 2)
  local held = redis.call('HMGET', index, unpack(ARGV, first + 3, last))
  local stored = held[1]
  local exists = stored
  if mayEnd or not stored then exists = redis.call('HEXISTS', records, id) == 1 end
  if exists and not stored then return -1 end
  if exists and stored == lead then
    redis.call('HSET', index, place, lead) -- so that a WAIT behind this waits for it
    return 1
  end
  if exists and string.sub(stored, 1, #previous + 1) ~= previous .. ' ' then return 0 end
  if not exists and previous ~= '' then return 0 end

  local new = { place, lead }
  for i = user == '-' and 3 or 2, #held do
    local holder = held[i]
    if holder ~= id or mayEnd then -- where records end, each field is written anew, and with it when it ends
      local isTaken = holder and holder ~= id and i > 2 and redis.call('HEXISTS', records, holder) == 1
      if isTaken then return 0 end
      new[#new + 1] = ARGV[first + 2 + i]
      new[#new + 1] = id
    end
  end
  if stored and not exists then drop(id, stored) end
  redis.call('HSET', records, id, json)
  local oldUser = '-'
  if exists then
    local oldKeys
    oldUser, oldKeys = string.match(stored, '^%S+ %S+ %S+ (%S+)(.*)')
    for key in string.gmatch(oldKeys, '%S+') do
      if not string.find(lead, key, 1, true) then free(key, id) end
    end
  else
    redis.call('ZADD', order, 0, string.match(lead, '^%S+ (%S+)') .. ':' .. id)
  end
  if user ~= oldUser then
    freeUser(oldUser, id)
    if user ~= '-' then redis.call('ZADD', users, 0, user .. ':' .. id) end
  end
  redis.call('HSET', index, unpack(new))

  if ttl ~= '' then
    local endsAt = now() + tonumber(ttl)
    redis.call('HPEXPIREAT', records, endsAt, 'FIELDS', 1, id)
    local from = first + (user == '-' and 5 or 4)
    if from <= last then
      redis.call('HPEXPIREAT', index, endsAt, 'FIELDS', last - from + 1, unpack(ARGV, from, last))
    end
    redis.call('ZADD', ends, endsAt, id)
  elseif isTimed then
    redis.call('ZREM', ends, id)
  end
  return 1
end
local done, at = {}, 2
while at <= #ARGV do
  local last = at + 3 + tonumber(ARGV[at])
  done[#done + 1] = write(at + 1, last)
  at = last + 1
end
if mayEnd then endWithTheLast() end
return done`,
);

/** ARGV: id. */
export const REMOVE: Script = new Script(
  "remove",
  `#!lua flags=allow-oom
${BEGIN}${DROP}${TTL}
local lead = redis.call('HGET', index, ':' .. ARGV[1])
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
${BEGIN}
redis.call('UNLINK', records, index, users, order, ends)
redis.call('HINCRBY', meta, 'cleared', 1)
return 1`,
);
