import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Person, startZoho, type ZohoStandIn } from "@tokenkeep/zoho-stand-in";
import { afterAll, beforeAll, beforeEach, describe, vi } from "vitest";
import { type Login, type Program, run } from "./program.js";
import { SDKS, type SdkName } from "./sdks.js";

// each program loads an SDK, which takes half a minute on a busy machine
vi.setConfig({ testTimeout: 300_000 });

export const ADA: Person = { email: "ada@example.com", zgid: "7" };
export const BOB: Person = { email: "bob@example.com", zgid: "7" };

const STORES = [
  { name: "memory", module: "@tokenkeep/memory", isDurable: false },
  { name: "SQLite", module: "@tokenkeep/sqlite", isDurable: true },
];

/** What a test has for one SDK on one store. */
export interface Setting {
  readonly sdk: SdkName;
  /** Whether the next program of the same test finds what the one before has stored. */
  readonly isDurable: boolean;
  zoho: ZohoStandIn;
  /** Runs the steps in a process of their own. */
  readonly program: (steps: Program["steps"], login?: Login) => ReturnType<typeof run>;
}

/** The SDKs of the newest version. */
export const NEWEST: readonly SdkName[] = SDKS.filter((sdk) => sdk.endsWith("8.0"));

/** The SDKs that have the long tests: the newest, and each of them where `TOKENKEEP_EVERY` is set. */
export const USUAL: readonly SdkName[] = process.env.TOKENKEEP_EVERY ? SDKS : NEWEST;

/** Registers the tests once for each SDK: of version 8.0 on memory and on SQLite, of the others on SQLite. */
export function onEachSdkAndStore(
  register: (setting: Setting) => void,
  sdks: readonly SdkName[] = SDKS,
): void {
  describe.each(sdks)("%s", (sdk) => {
    const stores = STORES.filter(({ isDurable }) => isDurable || sdk.endsWith("8.0"));
    describe.each(stores)("on $name", ({ module, isDurable }) => {
      let directory: string;
      let path: string;
      let count = 0;
      const setting: Setting = {
        sdk,
        isDurable,
        zoho: undefined as never, // until the tests begin
        program: (steps, login = {}) => {
          const store = { module, ...(isDurable ? { options: path } : {}) };
          return run({ sdk, url: setting.zoho.url, store, login, steps });
        },
      };
      beforeAll(async () => {
        setting.zoho = await startZoho();
        directory = await mkdtemp(join(tmpdir(), "tokenkeep-zoho-"));
      });
      afterAll(async () => {
        await setting.zoho.stop();
        await rm(directory, { recursive: true });
      });
      beforeEach(() => {
        path = join(directory, `tokens-${++count}.db`);
        setting.zoho.requests.length = 0;
        setting.zoho.served.length = 0;
        setting.zoho.isUserHidden = false;
      });
      register(setting);
    });
  });
}

export function client(clientId = "client-1"): { clientId: string; clientSecret: string } {
  return { clientId, clientSecret: `secret of ${clientId}` };
}

/** A client with a grant token that nobody has used yet. */
export function newLogin(zoho: ZohoStandIn, person: Person = ADA, clientId = "client-1") {
  return { ...client(clientId), grantToken: zoho.grant(clientId, person) };
}
