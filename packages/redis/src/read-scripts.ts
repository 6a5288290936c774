import { Script } from "./script.js";

// What is stored goes out as it is: Lua's cjson would change numbers and empty arrays, so no script reads JSON.

/**
 * What many lookups lead to. KEYS: records, index, users. ARGV: the lookups, as fields of `index` (`:<id>`, `@<user>`,
 * a token value's key), or places.
 * Returns for each lookup the JSON of its record, or where that was returned already `=` and the number of the
 * lookup that has it, or nil.
 */
export const FIND: Script = new Script(
  `#!lua flags=no-writes
local records, index, users = unpack(KEYS)
-- where the record of a user that was saved last has ended: the last of the others
local function newestOf(user)
  local newest, newestSaved = false, ''
  for _, member in ipairs(redis.call('ZRANGEBYLEX', users, '[' .. user .. ':', '(' .. user .. ';')) do
    local place = string.sub(member, #user + 2)
    local lead = redis.call('HGET', index, '=' .. place)
    local saved = lead and string.match(lead, '^%S+ %S+ (%S+)')
    if saved and saved > newestSaved and redis.call('HEXISTS', records, place) == 1 then
      newest, newestSaved = place, saved
    end
  end
  return newest
end
local places, from, found = {}, {}, {}
for i, place in ipairs(redis.call('HMGET', index, unpack(ARGV))) do
  local lookup = ARGV[i]
  -- what the index does not have may be a place
  if not place then place = string.byte(lookup) == 64 and newestOf(lookup) or lookup end
  if from[place] then
    found[i] = '=' .. from[place]
  else
    from[place] = i
    found[i] = false -- not nil, at which Lua would end the answer
    places[#places + 1] = place
  end
end
for n, record in ipairs(redis.call('HMGET', records, unpack(places))) do found[from[places[n]]] = record end
return found`,
);

/**
 * A page. KEYS: records, index, order, meta. ARGV: the member of `order` to begin behind or '', how many, how many
 * bytes are enough.
 * Returns how often the namespace was cleared, the last member that was looked at or '' at the end, and the
 * records.
 */
export const SCAN: Script = new Script(
  `#!lua flags=no-writes
local records, index, order, meta = unpack(KEYS)
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local limit, enough = tonumber(ARGV[2]), tonumber(ARGV[3])
local page = redis.call('ZRANGEBYLEX', order, from, '+', 'LIMIT', 0, limit)
local found, last, bytes = {}, '', 0
for _, member in ipairs(page) do
  local place = redis.call('HGET', index, string.sub(member, 17))
  local record = place and redis.call('HGET', records, place)
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
