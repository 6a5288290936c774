// What the cases of encryption have in common: keys, tokens with secrets to look for, and the stored records.
import { createHash } from "node:crypto";
import type { EncryptionOptions, TokenInput, TokenStore } from "@tokenkeep/core";
import { storedAccessOf, type TokenRecord } from "@tokenkeep/core/backend";
import type { Kit } from "../case.js";
import { check, fail } from "../expect.js";

/** The properties that are sealed. */
export const SEALED = [
  "clientSecret",
  "grantToken",
  "refreshToken",
  "accessToken",
  "idToken",
  "metadata",
] as const;

/** A key in base64, so that child processes can be given it too; the same one for the same id and variant. */
export function keyOf(id: string, variant = ""): { id: string; key: string } {
  return { id, key: createHash("sha256").update(`conformance ${id} ${variant}`).digest("base64") };
}

/** Options with these keys; the first seals. */
export function sealingWith(...ids: readonly string[]): EncryptionOptions {
  return { keys: ids.map((id) => keyOf(id)) };
}

/** Part of every secret of {@link secretToken}. */
export const SECRET = "s3cr3t-that-nobody-may-read";

/** A token of which every sealed property contains {@link SECRET}. */
export function secretToken(tag: string): TokenInput & { id: string } {
  return {
    id: `record-${tag}`,
    userSignature: { name: `${tag}@example.com` },
    clientId: `client-${tag}`,
    clientSecret: `${SECRET}-client-${tag}`,
    grantToken: `${SECRET}-grant-${tag}`,
    refreshToken: `${SECRET}-refresh-${tag}`,
    accessToken: `${SECRET}-access-${tag}`,
    idToken: `${SECRET}-id-${tag}`,
    issuer: "https://issuer.example",
    apiDomain: "https://api.example",
    metadata: { note: `${SECRET}-metadata-${tag}` },
  };
}

/** Everything that the space holds, as the module reads it. */
export async function dumpOf(kit: Kit): Promise<string> {
  if (kit.module.dump === undefined) throw new Error("The module has no dump.");
  const dump = await kit.module.dump(kit.space);
  return typeof dump === "string" ? dump : Buffer.from(dump).toString("latin1");
}

/** Fails if a text, or what is left of it in base64, is stored anywhere. */
export async function expectNowhere(kit: Kit, text: string, what: string): Promise<void> {
  const dump = await dumpOf(kit);
  for (const [form, shown] of Object.entries(formsOf(text))) {
    const at = dump.indexOf(shown);
    const around = dump.slice(Math.max(0, at - 60), at + shown.length + 60);
    check(at < 0, `${what} nowhere in what is stored, not even in ${form}`, `…${around}…`);
  }
}

function formsOf(text: string): Readonly<Record<string, string>> {
  const bytes = Buffer.from(text);
  // The ends depend on what is around them.
  const inner = (shift: number): string => bytes.subarray(shift).toString("base64").slice(0, -4);
  return {
    plaintext: bytes.toString("latin1"),
    hex: bytes.toString("hex"),
    base64: inner(0),
    "base64 from the second byte": inner(1),
    "base64 from the third byte": inner(2),
  };
}

/** A record as it is stored. */
export async function storedRecord(store: TokenStore, id: string): Promise<TokenRecord> {
  const stored = await storedAccessOf(store).run((backend, deadline) => backend.readStored(id, deadline));
  return stored ?? fail(`a stored record ${JSON.stringify(id)}`, "none");
}

/** Changes a stored record as somebody does who can write to the database. The index stays as it is. */
export async function tamper(
  store: TokenStore,
  id: string,
  change: (stored: TokenRecord) => Partial<TokenRecord>,
): Promise<TokenRecord> {
  const stored = await storedRecord(store, id);
  const changed = { ...stored, ...change(stored) };
  await storedAccessOf(store).run(async (backend, deadline) => {
    // `store` can open the record; its keys are those of the plain record.
    const plain = await backend.openStored(stored);
    check(await backend.replaceStored(changed, plain, deadline), "a record to tamper with", "a changed one");
  });
  return changed;
}
