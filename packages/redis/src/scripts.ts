import { createHash } from "node:crypto";
import { LAYOUT } from "./schema.js";

/** A Lua script, which the server runs in one step. https://redis.io/docs/latest/develop/programmability/eval-intro/ */
export class Script {
  readonly text: string;
  /** The server knows a script that it has run by this digest. */
  readonly sha: string;

  /**
   * @param flags `allow-oom`: runs where the memory is full; `no-writes`: runs on a replica, and where the server takes
   *   no writes
   * @param body the script
   */
  constructor(flags: "" | "allow-oom" | "no-writes", body: string) {
    this.text = `#!lua${flags && ` flags=${flags}`}\n${body}`;
    this.sha = createHash("sha1").update(this.text).digest("hex");
  }
}

// Scripts that write begin with the keys of a namespace in this order, and refuse another layout.
const BEGIN = `
local records, index, users, order, meta = unpack(KEYS)
local layout = redis.call('HGET', meta, 'layout')
if layout and layout ~= '${LAYOUT}' then return redis.error_reply('TOKENKEEP_LAYOUT ' .. layout) end
`;

/**
 * Sets the layout up. Redis does not undo what a script did before it failed. So whatever could stop a write half
 * way, a key of another type or a command that the user may not run, stops it here, where it changes nothing.
 */
export const OPEN: Script = new Script(
  "allow-oom",
  `${BEGIN}
redis.call('HDEL', records, string.rep('-', 256)) -- no id is as long; '' is core's own
redis.call('HDEL', index, '')
for _, key in ipairs({ users, order }) do
  redis.call('ZREM', key, '')
  redis.call('ZADD', key, 'XX', 0, '') -- XX: adds nothing
end
redis.call('HSET', meta, 'layout', '${LAYOUT}')
return 1`,
);

/**
 * The conditional write: insert, replace and remove.
 *
 * ARGV 1: the id. 2: the etag that the record must have now, '' where there must be none. 3: what to store,
 * '' to remove. 4, 5: the old and the new member of `users`. 6, 7: those of `order`. '' is no member. 8: how many
 * fields of `index` the record loses. Then these fields, then those that it gains.
 *
 * Returns 1, or 0 where the condition does not hold or another record has one of the fields.
 */
const WRITE_BODY = `${BEGIN}
local id, previous, record = ARGV[1], ARGV[2], ARGV[3]
local lastLost = 8 + ARGV[8]

local stored = redis.call('HGET', records, id)
local etag = stored and string.match(stored, '^%S+') or ''
if etag ~= previous then return 0 end
for i = lastLost + 1, #ARGV do
  local holder = redis.call('HGET', index, ARGV[i])
  if holder and holder ~= id and redis.call('HEXISTS', records, holder) == 1 then return 0 end
end

local function move(key, from, to)
  if from == to then return end
  if from ~= '' then redis.call('ZREM', key, from) end
  if to ~= '' then redis.call('ZADD', key, 0, to) end
end
move(users, ARGV[4], ARGV[5])
move(order, ARGV[6], ARGV[7])
for i = 9, lastLost do redis.call('HDEL', index, ARGV[i]) end
for i = lastLost + 1, #ARGV do redis.call('HSET', index, ARGV[i], id) end
if record == '' then redis.call('HDEL', records, id) else redis.call('HSET', records, id, record) end
if not layout then redis.call('HSET', meta, 'layout', '${LAYOUT}') end
return 1`;
export const WRITE: Script = new Script("", WRITE_BODY);
/** {@link WRITE} of ''. A full memory does not stop it. */
export const REMOVE: Script = new Script("allow-oom", WRITE_BODY);

/** UNLINK frees the memory later, in another thread. */
export const CLEAR: Script = new Script(
  "allow-oom",
  `${BEGIN}
redis.call('UNLINK', records, index, users, order)
redis.call('HINCRBY', meta, 'cleared', 1)
return 1`,
);

/**
 * A script that reads, and must not read stale data: without the flag `no-writes` a replica refuses it, and so does
 * a master that has become one. So does a server that takes no writes for another reason; the second variant
 * is for that case.
 */
export interface ReadScript {
  readonly onMaster: Script;
  readonly anywhere: Script;
}

function readScript(body: string): ReadScript {
  return { onMaster: new Script("allow-oom", body), anywhere: new Script("no-writes", body) };
}

/**
 * Finds records. KEYS: records, index, users. ARGV: `=<id>`, `@<user key>`, or a field of `index`.
 * Returns ids and records in turn, each record once.
 */
export const FIND: ReadScript = readScript(`
local records, index, users = unpack(KEYS)
local function idOf(lookup)
  local kind, key = string.sub(lookup, 1, 1), string.sub(lookup, 2)
  if kind == '=' then return key end
  if kind ~= '@' then return redis.call('HGET', index, lookup) end
  local last = redis.call('ZREVRANGEBYLEX', users, '(' .. key .. ';', '[' .. key .. ':', 'LIMIT', 0, 1)[1]
  return last and string.sub(last, #key + 19) -- after '<user key>:<16 digits>:'
end
local found, isFound = {}, {}
for _, lookup in ipairs(ARGV) do
  local id = idOf(lookup)
  local record = id and not isFound[id] and redis.call('HGET', records, id)
  if record then
    isFound[id] = true
    found[#found + 1] = id
    found[#found + 1] = record
  end
end
return found`);

/**
 * Reads a page. KEYS: records, order, meta. ARGV: the member of `order` to begin after or '', how many.
 * Returns how often the namespace was cleared, the last member or '' at the end, then ids and records in turn.
 */
export const SCAN: ReadScript = readScript(`
local records, order, meta = unpack(KEYS)
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local members = redis.call('ZRANGEBYLEX', order, from, '+', 'LIMIT', 0, ARGV[2])
local isEnd = #members < tonumber(ARGV[2])
local page = { redis.call('HGET', meta, 'cleared') or '0', isEnd and '' or members[#members] }
for _, member in ipairs(members) do
  local id = string.sub(member, 18) -- after '<16 digits>:'
  page[#page + 1] = id
  page[#page + 1] = redis.call('HGET', records, id)
end
return page`);

/** Says which layout there is, and changes nothing. KEYS: meta. */
export const LAYOUT_OF: ReadScript = readScript(`return redis.call('HGET', KEYS[1], 'layout')`);
