import { registerConformance, startProxy } from "@tokenkeep/conformance";
import {
  describeOn,
  describeOnServer,
  nameOtherDriver,
  type ServerName,
  type Topology,
} from "@tokenkeep/test-servers";
import { afterAll, describe, expect, it } from "vitest";

/** All sections but that on encryption, which is core's alone and takes long. */
export const WITHOUT_ENCRYPTION: readonly string[] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

const OTHER_IOREDIS = new URL("./other-ioredis.mjs", import.meta.url);

/** Which sections of the kit to run, and on which ioredis. With `TOKENKEEP_EVERY` in the environment all are run. */
export interface KitOptions {
  /** All by default. What only core decides is the same on every server, topology and driver. */
  readonly only?: readonly string[];
  /** The name of a dependency. */
  readonly ioredis?: string;
}

/** The kit on a single server, through a proxy for the stores of this process. */
export function onServer(name: ServerName, options: KitOptions = {}): Promise<void> {
  return describeOnServer(name, async ({ url }) => {
    process.env.TOKENKEEP_REDIS_TEST = url;
    const { hostname, port } = new URL(url);
    const proxy = await startProxy(hostname, Number(port || 6379));
    afterAll(() => proxy.close());
    Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
    const version = useIoredisOf(options);
    if (version !== undefined) itUses(version, url);
    await register(options);
  });
}

/** The kit on several servers at once. */
export function onTopology(
  name: string,
  start: () => Promise<Topology>,
  target: (topology: Topology) => object,
  options: KitOptions = {},
): Promise<void> {
  return describeOn(name, start, async (topology) => {
    process.env.TOKENKEEP_REDIS_TEST = JSON.stringify(target(topology));
    useIoredisOf(options);
    await register(options);
  });
}

function register({ only, ioredis }: KitOptions): Promise<void> {
  const module = ioredis === undefined ? new URL("../store.mjs", import.meta.url) : OTHER_IOREDIS;
  const runsAll = only === undefined || Boolean(process.env.TOKENKEEP_EVERY);
  return registerConformance(module, { describe, it }, runsAll ? {} : { only });
}

function useIoredisOf({ ioredis }: KitOptions): string | undefined {
  return ioredis === undefined ? undefined : nameOtherDriver("ioredis", ioredis, OTHER_IOREDIS);
}

function itUses(version: string, url: string): void {
  it(`the stores of this process use ioredis ${version}`, async () => {
    const { default: stores } = await import(OTHER_IOREDIS.href);
    const store = stores.open({ id: "version", directory: "" });
    await store.saveToken({ refreshToken: "r" });
    const { Redis } = await import("ioredis");
    const admin = new Redis(url);
    const clients = String(await admin.client("LIST"));
    admin.disconnect();
    await store.close();
    const versions = [...clients.matchAll(/lib-ver=(\S+)/g)].map(([, used]) => used);
    expect(new Set(versions)).toEqual(new Set([version]));
  });
}
