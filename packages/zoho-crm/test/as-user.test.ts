// Zoho's own SDKs in one process, with the requests of two users at the same time.
import { AsyncResource } from "node:async_hooks";
import { EventEmitter, once } from "node:events";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { startZoho, type ZohoStandIn } from "@tokenkeep/zoho-stand-in";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { asUser, zohoTokenStore } from "../src/index.js";
import { load, SDKS } from "./sdks.js";

let zoho: ZohoStandIn;
beforeAll(async () => {
  zoho = await startZoho();
});
afterAll(() => zoho.stop());

const USERS = ["ada@example.com", "bob@example.com"];

describe.each(SDKS)("%s", (name) => {
  // biome-ignore lint/suspicious/noExplicitAny: the SDKs for Node.js have no types
  let sdk: any;
  let RolesOperations: new () => { getRoles(): Promise<unknown> };
  let settingsOf: (user: string) => Parameters<typeof asUser>[1];

  beforeAll(async () => {
    ({ sdk, RolesOperations } = await load(name));
    const store = new MemoryTokenStore();
    const bridge = zohoTokenStore(store, sdk);
    const environment = new sdk.Environment(zoho.url, `${zoho.url}/oauth/v2/token`, zoho.url);
    settingsOf = (user) => {
      const signature = new sdk.UserSignature(`${user}:7`);
      const token = new sdk.OAuthToken("c", "s", null, null, null, null, null, signature);
      return { environment, token, store: bridge, resourcePath: tmpdir() };
    };
    for (const email of USERS) {
      const grantToken = zoho.grant("c", { email, zgid: "7" });
      const token = new sdk.OAuthToken("c", "s", grantToken, null, null, null, null, null);
      await asUser(sdk, { ...settingsOf(email), token }, () => undefined);
    }
    expect(await store.getTokens()).toHaveLength(2);
  });
  beforeEach(() => {
    zoho.served.length = 0;
  });

  /** Whose token came with an API call: the address that the stand-in's answer has. */
  async function whoAmI(): Promise<string> {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const response: any = await new RolesOperations().getRoles();
    return response.getObject().getRoles()[0].getDisplayLabel();
  }

  /** @returns [who asked, as whom the call was answered] for each of 40 requests that overlap */
  function interleaved(work: (user: string, i: number) => Promise<string>): Promise<[string, string][]> {
    return Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const user = USERS[i % 2]!;
        await sleep(Math.random() * 20);
        return [user, await asUser(sdk, settingsOf(user), () => work(user, i))] as [string, string];
      }),
    );
  }

  it("answers each of 40 interleaved requests as its own user", async () => {
    const answers = await interleaved(async () => {
      await sleep(Math.random() * 20);
      await whoAmI();
      await sleep(Math.random() * 20);
      return whoAmI();
    });
    expect(answers.filter(([user, answered]) => user !== answered)).toEqual([]);
    expect(zoho.served).toHaveLength(80);
  });

  it("does so across timers, event emitters and streams of promises", async () => {
    const shared = new EventEmitter();
    const answers = await interleaved(async (_user, i) => {
      // emitted by whichever request is the next one: the listener is bound to this one
      const heard = new Promise<string>((resolve, reject) => {
        shared.once(
          `request ${i}`,
          AsyncResource.bind(() => whoAmI().then(resolve, reject)),
        );
      });
      const own = new EventEmitter();
      setTimeout(() => own.emit("ready"), Math.random() * 20);
      await once(own, "ready");
      setImmediate(() => shared.emit(`request ${i - 1}`));
      setTimeout(() => shared.emit(`request ${i}`), 50);
      const timed = await new Promise<string>((resolve, reject) => {
        setTimeout(() => whoAmI().then(resolve, reject), Math.random() * 20);
      });
      return timed === (await heard) ? timed : "two users";
    });
    expect(answers.filter(([user, answered]) => user !== answered)).toEqual([]);
  });

  it("keeps switchUser to its own context, to and fro", async () => {
    const answers = await interleaved(async (user) => {
      const other = USERS.find((each) => each !== user)!;
      const seen = [await whoAmI()];
      for (const next of [other, user, other, user]) {
        const { environment, token } = settingsOf(next);
        const builder = await new sdk.InitializeBuilder();
        await builder.environment(environment).token(token).switchUser();
        seen.push(await whoAmI());
      }
      const expected = [user, other, user, other, user];
      return seen.every((each, i) => each === expected[i]) ? user : seen.join();
    });
    expect(answers.filter(([user, answered]) => user !== answered)).toEqual([]);
  });

  it("nests, returns what the work returns, and passes its error", async () => {
    const [ada, bob] = USERS as [string, string];
    const seen = await asUser(sdk, settingsOf(ada), async () => {
      const inner = await asUser(sdk, settingsOf(bob), whoAmI);
      return [inner, await whoAmI()];
    });
    expect(seen).toEqual([bob, ada]);
    const error = new Error("of the work");
    await expect(asUser(sdk, settingsOf(ada), () => Promise.reject(error))).rejects.toBe(error);
  });

  it("leaves the SDK outside as it was", async () => {
    const [ada, bob] = USERS as [string, string];
    const { environment, token, store } = settingsOf(ada);
    const builder = await new sdk.InitializeBuilder();
    await builder.environment(environment).token(token).store(store).resourcePath(tmpdir()).initialize();
    const [inside, outside] = await Promise.all([asUser(sdk, settingsOf(bob), whoAmI), whoAmI()]);
    expect([inside, outside, await whoAmI()]).toEqual([bob, ada, ada]);
  });

  it("refuses what it can't work with", async () => {
    const settings = settingsOf("ada@example.com");
    const invalid = { code: "ERR_INVALID_OPTIONS" };
    await expect(asUser({} as never, settings, () => 1)).rejects.toMatchObject(invalid);
    await expect(asUser(sdk, { ...settings, store: undefined } as never, () => 1)).rejects.toMatchObject(
      invalid,
    );
    await expect(asUser(sdk, settings, undefined as never)).rejects.toMatchObject(invalid);
  });
});
