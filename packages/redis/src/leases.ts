import type { Deadline, Leases } from "@tokenkeep/core/backend";
import type { Connection } from "./connection.js";
import type { Keys } from "./schema.js";
import { Script } from "./scripts.js";

// The server's clock ends a lease: the key of the lock expires. The fencing token is the server's time in
// microseconds, or one more than the last: so it grows even where a failover or a flush lost the last one.
const ACQUIRE = new Script(
  "",
  `
local lock, reservation, counter = unpack(KEYS)
local owner, leaseMs, reserveMs = unpack(ARGV)
local holder, fence = unpack(redis.call('HMGET', lock, 'owner', 'fence'))
if holder == owner then -- the reply was lost
  redis.call('PEXPIRE', lock, leaseMs)
  return fence
end
local nextOwner = redis.call('GET', reservation)
if nextOwner and nextOwner ~= owner then return false end
if holder then
  redis.call('SET', reservation, owner, 'PX', reserveMs)
  return false
end
local seconds, microseconds = unpack(redis.call('TIME'))
local last = redis.call('GET', counter) or '0'
fence = string.format('%.0f', math.max(last + 1, seconds * 1000000 + microseconds))
redis.call('SET', counter, fence)
redis.call('HSET', lock, 'owner', owner, 'fence', fence)
redis.call('PEXPIRE', lock, leaseMs)
redis.call('DEL', reservation)
return fence`,
);

const RENEW = new Script(
  "allow-oom",
  `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
);

const RELEASE = new Script(
  "allow-oom",
  `
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

  async acquire(
    key: string,
    owner: string,
    leaseMs: number,
    reserveMs: number,
    deadline: Deadline,
  ): Promise<number | null> {
    const keys = [this.#keys.lock(key), this.#keys.reservation(key), this.#keys.fence];
    const args = [owner, String(leaseMs), String(reserveMs)];
    const fence = await this.#connection.run({ script: ACQUIRE, keys, args, isRepeatable: true }, deadline);
    return fence === null ? null : Number(fence);
  }

  async renew(key: string, owner: string, leaseMs: number, deadline: Deadline): Promise<boolean> {
    const keys = [this.#keys.lock(key)];
    const args = [owner, String(leaseMs)];
    return (
      Number(await this.#connection.run({ script: RENEW, keys, args, isRepeatable: true }, deadline)) === 1
    );
  }

  async release(key: string, owner: string, deadline: Deadline): Promise<boolean> {
    const keys = [this.#keys.lock(key), this.#keys.reservation(key)];
    return Number(await this.#connection.run({ script: RELEASE, keys, args: [owner] }, deadline)) === 1;
  }
}
