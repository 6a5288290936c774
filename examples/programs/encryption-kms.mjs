// Envelope encryption with a key-management service (KMS): the configuration holds data keys that the service's master
// key has wrapped. A program has them unwrapped once, when it opens the store; the master key never leaves the service.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { keysInUse, rekey } from "@tokenkeep/core";
import { SqliteTokenStore } from "@tokenkeep/sqlite";

// Stands in for the service, with AES key wrap (RFC 3394). Replace its two functions by your service's calls, such as
// GenerateDataKey and Decrypt of AWS KMS, or encrypt and decrypt of Google Cloud KMS and of Vault's transit engine.
const masterKey = randomBytes(32);
const IV = Buffer.from("a6a6a6a6a6a6a6a6", "hex");

async function wrapNewDataKey() {
  const cipher = createCipheriv("id-aes256-wrap", masterKey, IV);
  return Buffer.concat([cipher.update(randomBytes(32)), cipher.final()]).toString("base64");
}

async function unwrapDataKey(wrapped) {
  const decipher = createDecipheriv("id-aes256-wrap", masterKey, IV);
  return Buffer.concat([decipher.update(Buffer.from(wrapped, "base64")), decipher.final()]);
}

// Once, by an administrator: the result goes into the configuration. Wrapped, it is no secret.
const wrappedKeys = { "2026-05": await wrapNewDataKey() };

// In each program: the newest key seals, the others open. `unwrapDataKey` is called once for each.
const encryption = () => ({
  keys: Object.keys(wrappedKeys)
    .sort()
    .reverse()
    .map((id) => ({ id, key: () => unwrapDataKey(wrappedKeys[id]) })),
});

const path = process.argv[2] ?? "kms-example.db";
const user = { userSignature: { name: "ann@example.com" }, clientId: "client" };

const before = new SqliteTokenStore({ path, encryption: encryption() });
await before.saveToken({ ...user, refreshToken: "a refresh token" });
console.log(await keysInUse(before));
await before.close();

// A new key, half a year later. With several processes, deploy it with `seal: false` first: docs/encryption.md.
wrappedKeys["2026-11"] = await wrapNewDataKey();

const after = new SqliteTokenStore({ path, encryption: encryption() });
const { isComplete, inUse } = await rekey(after);
console.log({ isComplete, inUse });
const token = await after.findToken(user);
console.log(token.refreshToken === "a refresh token", token.revision);
await after.close();
if (process.argv[2] === undefined) {
  for (const suffix of ["", "-wal", "-shm"]) await rm(path + suffix, { force: true });
}
