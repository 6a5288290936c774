import { type EncryptionOptions, keysInUse, rekey, type TokenStore, verify } from "@tokenkeep/core";
import { storedAccessOf } from "@tokenkeep/core/backend";
import type { Case, Kit } from "../case.js";
import { check, fail, plain, same } from "../expect.js";
import { type Child, startChild, startChildren } from "../processes/index.js";
import { expectNowhere, keyOf, SECRET, sealingWith, secretToken, storedRecord } from "./encryption-means.js";

/** How many records are rekeyed while other processes save: `TOKENKEEP_REKEY_RECORDS=100000` is the full size. */
const RECORDS = Number(process.env.TOKENKEEP_REKEY_RECORDS ?? 400);
const SAVERS = 4;
/** These cases start many processes, or make many saves: on a busy machine they need minutes. */
const SLOW_MS = 600_000;
/** Their calls may have to wait as well. */
const PATIENT = { timeoutMs: 60_000 };

const OLD = { keys: [keyOf("old"), { ...keyOf("new"), seal: false }] };
const NEW = { keys: [keyOf("new"), { ...keyOf("old"), seal: false }] };

const needs = { needs: ["shared"], needsDump: true } as const;

async function fill(store: TokenStore, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `record-${index}`);
  for (let at = 0; at < count; at += 10) {
    const some = ids.slice(at, at + 10);
    await Promise.all(
      some.map((id) => store.saveToken({ id, refreshToken: `${id}-first`, clientSecret: SECRET })),
    );
  }
  return ids;
}

/** Everything of the records but what `rekey` may change, which is nothing that a store returns. */
async function recordsOf(store: TokenStore): Promise<unknown[]> {
  return (await store.getTokens()).map((token) => ({ ...plain(token) }));
}

/** Saves in each process, and reads everything in each: the processes of two steps of a deploy, side by side. */
async function exercise(children: readonly Child[], step: string): Promise<void> {
  for (const [index, child] of children.entries()) {
    const shared = { id: "shared", refreshToken: `${step}-${index}-shared` };
    const own = { ...secretToken(`${step}-${index}`) };
    const outcomes = await child.run("save", { tokens: [shared, own] });
    same(
      outcomes.map(({ code }) => code),
      [null, null],
      `the errors of the saves of process ${index + 1} in the step "${step}"`,
    );
    for (const reader of children) {
      const found = await reader.run("findToken", { query: { refreshToken: shared.refreshToken } });
      same(found?.refreshToken ?? null, shared.refreshToken, `the refresh token in the step "${step}"`);
      const all = await reader.run("getTokens", {});
      check(all.length > 0, "records", "none");
    }
  }
}

interface Step {
  readonly name: string;
  readonly encryption: EncryptionOptions | undefined;
  /** What is run once all processes are of this step. */
  readonly rekey?: { readonly to?: "plaintext" };
}

/** Goes from step to step: in each, processes of the step before still run while those of this one start. */
async function deploy(kit: Kit, steps: readonly Step[]): Promise<void> {
  let running: Child | undefined;
  for (const { name, encryption, rekey } of steps) {
    const child = await startChild(kit, { ...PATIENT, ...(encryption === undefined ? {} : { encryption }) });
    await exercise(running === undefined ? [child] : [running, child], name);
    await running?.end();
    running = child;
    if (rekey === undefined) continue;
    const { isComplete, inUse } = await child.run("rekey", rekey);
    check(isComplete, `a complete rekey in the step "${name}"`, JSON.stringify(inUse));
  }
}

export const rekeying: Case[] = [
  {
    ...needs,
    timeoutMs: SLOW_MS,
    checks: ["10.5a"],
    name: "rekey seals every record with the first key, and changes nothing that a store returns",
    async run(kit) {
      const old = await kit.open({ ...PATIENT, encryption: sealingWith("old") });
      await fill(old, 300);
      await old.saveToken({ id: "record-7", scope: "changed" });
      await kit.store.saveToken(secretToken("plaintext"));
      const store = await kit.open({ ...PATIENT, encryption: NEW });
      const before = await recordsOf(store);
      const { isComplete, records, changed } = await rekey(store);
      same({ isComplete, records, changed }, { isComplete: true, records: 301, changed: 301 }, "the report");
      const { keys, plaintext } = await keysInUse(store);
      same({ keys, plaintext }, { keys: { new: 301 }, plaintext: 0 }, "the keys in use");
      const alone = await kit.open({
        ...PATIENT,
        encryption: { ...sealingWith("new"), requireEncrypted: true },
      });
      same(await recordsOf(alone), before, "the records");
      same((await verify(alone)).isComplete, true, "whether verify finds all records readable");
      same((await rekey(store)).changed, 0, "the number of records that a second rekey changes");
    },
  },
  {
    ...needs,
    checks: ["10.5b"],
    name: "a record that was saved after rekey had read it is left as it is",
    async run(kit) {
      const other = await kit.open({ encryption: OLD });
      await other.saveToken({ id: "raced", refreshToken: "first" });
      const store = await kit.open({ encryption: NEW });
      const stale = await storedRecord(store, "raced");
      await other.saveToken({ id: "raced", refreshToken: "second" });
      const isWritten = await storedAccessOf(store).run(async (backend, deadline) =>
        backend.reseal(await backend.openStored(stale), await backend.sealingKey(deadline), deadline),
      );
      same(isWritten, false, "whether rekey wrote what it had read");
      same(plain(await store.findTokenById("raced")).refreshToken, "second", "the refresh token");
    },
  },
  {
    ...needs,
    needs: ["shared", "durable"],
    checks: ["10.5b"],
    name: `rekey of ${RECORDS} records, killed once, while four processes save: no save is lost`,
    timeoutMs: Math.max(SLOW_MS, RECORDS * 30),
    async run(kit) {
      const ids = await fill(await kit.open({ ...PATIENT, encryption: sealingWith("old") }), RECORDS);
      kit.startOver();
      // Half of the processes seal with the old key still, as in the middle of a deploy.
      const savers = [
        ...(await startChildren(kit, SAVERS / 2, { ...PATIENT, encryption: OLD })),
        ...(await startChildren(kit, SAVERS / 2, { ...PATIENT, encryption: NEW })),
      ];
      const saving = savers.map((child, index) =>
        child.begin("refresh", { ids: ids.filter((_, at) => at % SAVERS === index) }),
      );
      await Promise.all(saving.map((job) => job.first()));
      const victim = await startChild(kit, { ...PATIENT, encryption: NEW });
      const killed = victim.begin("rekey", { pauseMs: 50 });
      await killed.first();
      await victim.kill("SIGKILL");
      const rekeyer = await startChild(kit, { ...PATIENT, encryption: NEW });
      const running = rekeyer.begin("rekey", {});
      await running.result;
      check(running.events.length > 0, "reports of progress", "none");
      const last: Record<string, string> = Object.assign(
        {},
        ...(await Promise.all(saving.map((job) => job.stop()))),
      );
      const store = await kit.open({ ...PATIENT, encryption: NEW });
      const report = await rekey(store);
      check(report.isComplete, "a complete rekey once nobody seals with the old key", JSON.stringify(report));
      const alone = await kit.open({ ...PATIENT, encryption: sealingWith("new") });
      const found = new Map<string | null, string | null>();
      for await (const token of alone.tokens?.() ?? fail("tokens()", "none"))
        found.set(token.id, token.refreshToken);
      same(found.size, ids.length, "the number of records");
      for (const id of ids) same(found.get(id), last[id] ?? `${id}-first`, `the refresh token of ${id}`);
    },
  },
  {
    ...needs,
    checks: ["10.5c"],
    name: "after rekey has encrypted a store in place, nothing of the plaintext is left in what is stored",
    async run(kit) {
      for (let at = 0; at < 40; at++) await kit.store.saveToken(secretToken(`user-${at}`));
      for (let at = 0; at < 10; at++) {
        await kit.store.saveToken({ id: `record-user-${at}`, accessToken: `${SECRET}-second-${at}` });
        await kit.store.deleteToken(`record-user-${at + 20}`);
      }
      const store = await kit.open({ ...PATIENT, encryption: sealingWith("new") });
      const { isComplete, records } = await rekey(store);
      same({ isComplete, records }, { isComplete: true, records: 30 }, "the report");
      await expectNowhere(kit, SECRET, "a secret");
      same((await store.getTokens()).length, 30, "the number of records");
    },
  },
  {
    ...needs,
    timeoutMs: SLOW_MS,
    checks: ["10.5d"],
    name: "a rolling deploy from one key to another",
    run: (kit) =>
      deploy(kit, [
        { name: "old key", encryption: sealingWith("old") },
        { name: "new key opens", encryption: OLD },
        { name: "new key seals", encryption: NEW, rekey: {} },
        { name: "new key alone", encryption: sealingWith("new") },
      ]),
  },
  {
    ...needs,
    timeoutMs: SLOW_MS,
    checks: ["10.5d"],
    name: "a rolling deploy from plaintext, and back",
    run: (kit) =>
      deploy(kit, [
        { name: "plaintext", encryption: undefined },
        { name: "key opens", encryption: { keys: [{ ...keyOf("new"), seal: false }] } },
        { name: "key seals", encryption: sealingWith("new"), rekey: {} },
        { name: "plaintext refused", encryption: { ...sealingWith("new"), requireEncrypted: true } },
        { name: "plaintext read", encryption: sealingWith("new") },
        {
          name: "key opens again",
          encryption: { keys: [{ ...keyOf("new"), seal: false }] },
          rekey: { to: "plaintext" },
        },
        { name: "plaintext again", encryption: undefined },
      ]),
  },
  {
    ...needs,
    checks: ["10.5e"],
    name: "rekey to plaintext decrypts every record, for a store without keys",
    async run(kit) {
      await fill(await kit.open({ ...PATIENT, encryption: sealingWith("old") }), 30);
      const store = await kit.open({ ...PATIENT, encryption: { keys: [{ ...keyOf("old"), seal: false }] } });
      const before = await recordsOf(store);
      const { isComplete, changed } = await rekey(store, { to: "plaintext" });
      same({ isComplete, changed }, { isComplete: true, changed: 30 }, "the report");
      same(await recordsOf(kit.store), before, "the records");
    },
  },
];
