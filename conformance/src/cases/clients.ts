import type { Case, Kit } from "../case.js";
import { check, expectRejection, expectToken } from "../expect.js";

/** A caller's client. It is closed when the case ends. */
export async function openClient({ module, space, note, onEnd }: Kit): Promise<unknown> {
  note("client = client.open(space)")("");
  const client = await module.client?.open(space);
  onEnd(async () => void (await module.client?.close(client)));
  return client;
}

async function stillOpen({ module }: Kit, client: unknown): Promise<void> {
  const isOpen = (await module.client?.isOpen(client)) === true;
  check(isOpen, "a caller's client that is still open after store.close()", "one that is closed");
}

export const clients: Case[] = [
  {
    checks: ["5.1b", "5.4c"],
    name: "close() leaves a caller's client open",
    needsClient: true,
    async run(kit) {
      const client = await openClient(kit);
      const store = await kit.openOn(client);
      expectToken(await store.saveToken({ id: "one", refreshToken: "r" }), { id: "one", refreshToken: "r" });
      await store.close();
      await stillOpen(kit, client);
      await expectRejection(() => store.findTokenById("one"), "ERR_STORE_CLOSED");
      const next = await kit.openOn(client);
      await next.saveToken({ id: "two", refreshToken: "r2" });
      expectToken(await next.findTokenById("two"), { id: "two", refreshToken: "r2" });
    },
  },
  {
    checks: ["5.1b"],
    name: "a store on a shared client can be closed while another keeps working, also if it was never used",
    needsClient: true,
    async run(kit) {
      const client = await openClient(kit);
      const [unused, one, other] = [
        await kit.openOn(client),
        await kit.openOn(client),
        await kit.openOn(client),
      ];
      await unused.close();
      await stillOpen(kit, client);
      await one.saveToken({ id: "one", refreshToken: "r" });
      await other.saveToken({ id: "other", refreshToken: "r2" });
      await one.close();
      expectToken(await other.findTokenById("other"), { id: "other", refreshToken: "r2" });
      await other.close();
      await stillOpen(kit, client);
    },
  },
];
