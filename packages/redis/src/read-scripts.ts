import { Script } from "./script.js";

// What is stored goes out as it is: Lua's cjson would change numbers and empty arrays, so no script reads JSON.

/**
 * What many lookups lead to. KEYS: records, index, users. ARGV: '' or a letter for each lookup (`i` an id, `u` a
 * user, `k` another), then the lookups; an id with a colon in front.
 * Returns for each lookup the JSON of its record, or where that was returned already `=` and the number of the
 * lookup that has it, or nil.
 */
export const FIND: Script = new Script(
  "find",
  `#!lua flags=no-writes
local records, index, users = unpack(KEYS)
local kinds = ARGV[1]
local ids = redis.call('HMGET', index, unpack(ARGV, 2))
-- where the record of a user that was saved last has ended: the last of the others
local function newestOf(user)
  local newest, newestSaved = false, '' -- not nil, at which Lua would end the answer
  for _, member in ipairs(redis.call('ZRANGEBYLEX', users, '[' .. user .. ':', '(' .. user .. ';')) do
    local id = string.sub(member, #user + 2)
    local lead = redis.call('HGET', index, ':' .. id)
    local saved = lead and string.match(lead, '^%S+ %S+ (%S+)')
    if saved and saved > newestSaved and redis.call('HEXISTS', records, id) == 1 then
      newest, newestSaved = id, saved
    end
  end
  return newest
end
local found, at = {}, {}
for i = 1, #ids do
  local id = ids[i]
  if kinds ~= '' then
    local kind = string.sub(kinds, i, i)
    if kind == 'i' then id = string.sub(ARGV[i + 1], 2) end
    if kind == 'u' and not id then id = newestOf(ARGV[i + 1]) end
  end
  if id and not at[id] then
    at[id] = i
    found[i] = redis.call('HGET', records, id)
  else
    found[i] = id and '=' .. at[id]
  end
end
return found`,
);

/**
 * A page. KEYS: records, order, meta. ARGV: the member of `order` to begin behind or '', how many, how many bytes
 * are enough.
 * Returns how often the namespace was cleared, the last member that was looked at or '' at the end, and the
 * records.
 */
export const SCAN: Script = new Script(
  "scan",
  `#!lua flags=no-writes
local records, order, meta = unpack(KEYS)
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
