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
local function told(lead)
  local created, user, keys, id = string.match(lead, '^%S+ (%S+) %S+ (%S+) ([^:]*)(:.*)$')
  return user, string.gmatch(keys, '%S+'), id, created .. id
end
local function free(key, place)
  -- a record that has ended may have lost it to another
  if not isTimed or redis.call('HGET', index, key) == place then redis.call('HDEL', index, key) end
end
local function freeUser(user, place)
  if user == '-' then return end
  if redis.call('HGET', index, user) == place then redis.call('HDEL', index, user) end
  redis.call('ZREM', users, user .. ':' .. place)
end
local function empty(place)
  redis.call('HDEL', records, place)
  redis.call('HDEL', index, '=' .. place)
  redis.call('ZREM', ends, place)
end
local function drop(place, lead)
  local user, keys, id, member = told(lead)
  for key in keys do free(key, place) end
  freeUser(user, place)
  empty(place)
  redis.call('HDEL', index, id)
  redis.call('ZREM', order, member)
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
  for _, place in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now(), 'LIMIT', 0, 20)) do
    local lead = redis.call('HGET', index, '=' .. place)
    if lead then drop(place, lead) else redis.call('ZREM', ends, place) end
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

/**
 * Sets the layout up, or refuses it. ARGV: `1` where fields have to end by themselves. What would stop a write half
 * way stops it here: a key of another type, a command that the user may not run.
 */
export const OPEN: Script = new Script(
  `#!lua
${BEGIN}
for _, key in ipairs({ records, index }) do redis.call('HEXISTS', key, '') end
for _, key in ipairs({ users, order, ends }) do redis.call('ZCARD', key) end
local function mayRun(...)
  return not redis.acl_check_cmd or redis.acl_check_cmd(...)
end
local refused
for _, key in ipairs({ records, index, meta }) do
  if not mayRun('HSET', key, '-', '') then refused = 'hset' end
  if not mayRun('HDEL', key, '-') then refused = 'hdel' end
end
for _, key in ipairs({ users, order, ends }) do
  if not mayRun('ZADD', key, 0, '-') then refused = 'zadd' end
  if not mayRun('ZREM', key, '-') then refused = 'zrem' end
end
if refused then return redis.error_reply('NOPERM this user may not run ' .. refused) end
if ARGV[1] == '1' then redis.call('HPEXPIREAT', records, 1, 'FIELDS', 1, '') end
return 1`,
);

/**
 * Inserts and replaces, many at once. ARGV: ttl in milliseconds or '', then for each: how many fields of `index`
 * it has, the etag of the version that is to be replaced or '', its lead, its JSON, and those fields: `=<place>`,
 * `:<id>`, `@<user>` or '-', the keys of the token values.
 * Returns for each 1, or 0 where something was in the way, or -1 where what is stored is broken. A write that is
 * sent twice counts once, unless another came between the two.
 */
export const WRITE: Script = new Script(
  `#!lua
${BEGIN}${DROP}${TTL}
local ttl = ARGV[1]
local mayEnd = isTimed or ttl ~= ''
if isTimed then sweep() end
local function isThere(place)
  return redis.call('HEXISTS', records, place) == 1
end
local function write(first, last)
  local previous, lead, json, leadField, _, user = unpack(ARGV, first, first + 5)
  local place = string.sub(leadField, 2)
  local held = redis.call('HMGET', index, unpack(ARGV, first + 3, last))
  -- the lead that is at the place now, where the record with this id is, and its own lead
  local occupant, old = held[1], held[2]
  local stored = occupant
  if old ~= place then stored = old and redis.call('HGET', index, '=' .. old) end
  if old and not stored or not occupant and isThere(place) then return -1 end
  local exists = stored and (not mayEnd or isThere(old))
  if exists and stored == lead then
    redis.call('HSET', index, leadField, lead) -- so that a WAIT behind this waits for it
    return 1
  end
  if exists and string.sub(stored, 1, #previous + 1) ~= previous .. ' ' then
    return isThere(old) and 0 or -1
  end
  if not exists and previous ~= '' then return 0 end

  local isOthers = occupant and old ~= place
  if isOthers and (not mayEnd or isThere(place)) then return 0 end
  local new, isKept = { leadField, lead }, {}
  for i = 2, #held do
    local holder, field = held[i], ARGV[first + 2 + i]
    if i > 3 then
      if holder and holder ~= old and isThere(holder) then return 0 end
      isKept[field] = true
    end
    -- where records end, each field is written anew, and with it when it ends
    if field ~= '-' and (holder ~= place or mayEnd) then
      new[#new + 1] = field
      new[#new + 1] = place
    end
  end
  -- what has ended there is in nobody's way
  if isOthers then drop(place, occupant) end
  if stored and not exists then drop(old, stored) end
  -- the sorted sets first: one of another type ends the script
  local isNew = not exists or old ~= place
  if not exists then redis.call('ZADD', order, 0, select(4, told(lead))) end
  if isNew and user ~= '-' then redis.call('ZADD', users, 0, user .. ':' .. place) end
  redis.call('HSET', records, place, json)
  if exists then
    local oldUser, oldKeys = told(stored)
    for key in oldKeys do
      if not isKept[key] then free(key, old) end
    end
    if isNew then
      freeUser(oldUser, old)
      empty(old)
    end
  end
  redis.call('HSET', index, unpack(new))

  if ttl ~= '' then
    local endsAt = now() + tonumber(ttl)
    redis.call('HPEXPIREAT', records, endsAt, 'FIELDS', 1, place)
    local from = first + (user == '-' and 6 or 5)
    if from <= last then
      redis.call('HPEXPIREAT', index, endsAt, 'FIELDS', last - from + 1, unpack(ARGV, from, last))
    end
    redis.call('ZADD', ends, endsAt, place)
  elseif isTimed then
    redis.call('ZREM', ends, place)
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

/** ARGV: `:<id>`. */
export const REMOVE: Script = new Script(
  `#!lua flags=allow-oom
${BEGIN}${DROP}${TTL}
local place = redis.call('HGET', index, ARGV[1])
local lead = place and redis.call('HGET', index, '=' .. place)
if lead then drop(place, lead) end
if isTimed then
  sweep()
  endWithTheLast()
end
return 1`,
);

/** Unlinks what the namespace has: the memory is given back behind the scenes. */
export const CLEAR: Script = new Script(
  `#!lua flags=allow-oom
${BEGIN}
redis.call('UNLINK', records, index, users, order, ends)
redis.call('HINCRBY', meta, 'cleared', 1)
return 1`,
);
