import type { Leases } from "@tokenkeep/core";
import type { Connection } from "./connection.js";
import type { Keys } from "./keys.js";
import { Script } from "./script.js";

// The server's clock ends a lease: PEXPIRE on the key of the lock. The fence is the server's time in
// microseconds, or one more than the last: it grows also where a failover or a flush lost the last one.
const ACQUIRE = new Script(
  `#!lua
local lock, next, counter = unpack(KEYS)
local owner, lease, place = ARGV[1], ARGV[2], ARGV[3]
local holder = redis.call('HMGET', lock, 'owner', 'fence')
if holder[1] == owner then
  redis.call('PEXPIRE', lock, lease)
  return holder[2]
end
local inLine = redis.call('GET', next)
if not holder[1] and (not inLine or inLine == owner) then
  local clock = redis.call('TIME')
  local last = tonumber(redis.call('GET', counter) or '0')
  local fence = string.format('%.0f', math.max(last + 1, clock[1] * 1000000 + clock[2]))
  redis.call('SET', counter, fence)
  redis.call('HSET', lock, 'owner', owner, 'fence', fence)
  redis.call('PEXPIRE', lock, lease)
  if inLine then redis.call('DEL', next) end
  return fence
end
if not inLine or inLine == owner then redis.call('SET', next, owner, 'PX', place) end
return false`,
);

const RENEW = new Script(
  `#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
);

const RELEASE = new Script(
  `#!lua flags=allow-oom
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,
);

/** Leases that end on the server's clock. */
export class RedisLeases implements Leases {
  readonly #keys: Keys;
  readonly #connection: Connection;

  constructor(keys: Keys, connection: Connection) {
    this.#keys = keys;
    this.#connection = connection;
  }

  /** @returns what the script returned; a number may come as a string, where the caller's client is set so */
  #run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.#connection.send((client) => script.run(client, keys, args));
  }

  async acquire(key: string, owner: string, leaseMs: number, placeMs: number): Promise<number | null> {
    const { lock, next, fence } = this.#keys;
    const keys = [lock(key), next(key), fence];
    const granted = await this.#run(ACQUIRE, keys, [owner, String(leaseMs), String(placeMs)]);
    return granted === null ? null : Number(granted);
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    return Number(await this.#run(RENEW, [this.#keys.lock(key)], [owner, String(leaseMs)])) === 1;
  }

  async release(key: string, owner: string): Promise<boolean> {
    const keys = [this.#keys.lock(key), this.#keys.next(key)];
    return Number(await this.#run(RELEASE, keys, [owner])) === 1;
  }
}
