import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EncryptionKey, EncryptionOptions } from "@tokenkeep/core";
import { isModule, MODULE_SHAPE, ModuleError } from "./candidate.js";
import type { OpenOptions, Space, StoreModule } from "./case.js";

const KEYS: readonly EncryptionKey[] = [
  { id: "kit-1", key: Buffer.alloc(32, "one").toString("base64") },
  { id: "kit-2", key: Buffer.alloc(32, "two").toString("base64") },
];

/** Options with both keys, of which this one seals. */
export function sealingWithKey(index: 0 | 1): EncryptionOptions {
  return { keys: KEYS.map((key, at) => ({ ...key, seal: at === index })) };
}

const REKEYER = fileURLToPath(new URL("./processes/rekeyer.js", import.meta.url));

/**
 * The module of a store with its records sealed, to run the whole kit on.
 * @param module the module of the store, whose `open` passes on the option `encryption`
 * @param options with the URL of that module as `rekeyedBy`, a process on each space runs `rekey` from key to key for as
 *   long as the case runs
 * @returns another module
 * @throws ModuleError for what is no module, and no URL
 */
export function encrypted(module: StoreModule, options: { rekeyedBy?: string | URL } = {}): StoreModule {
  if (!isModule(module)) {
    throw new ModuleError(`encrypted: the module must be ${MODULE_SHAPE}.`);
  }
  const rekeyedBy = options?.rekeyedBy;
  if (rekeyedBy !== undefined && typeof rekeyedBy !== "string" && !(rekeyedBy instanceof URL)) {
    throw new ModuleError("encrypted: rekeyedBy must be the URL of the module.");
  }
  const encryption = sealingWithKey(0);
  const sealed = (space: Space, options: OpenOptions | undefined): OpenOptions => {
    if (rekeyedBy !== undefined) startRekeyer(space, String(rekeyedBy));
    return { encryption, ...options };
  };
  const { client, destroy, disruptions } = module;
  // without `dump`, so that the cases of section 10, which choose their own keys, do not apply
  return {
    name: `${module.name}, encrypted${rekeyedBy === undefined ? "" : " and rekeyed"}`,
    open: (space, options) => module.open(space, sealed(space, options)),
    ...(destroy === undefined ? {} : { destroy: (space) => destroy.call(module, space) }),
    ...(disruptions === undefined ? {} : { disruptions }),
    ...(client === undefined
      ? {}
      : {
          client: {
            open: (space) => client.open(space),
            store: (opened, space, options) => client.store(opened, space, sealed(space, options)),
            isOpen: (opened) => client.isOpen(opened),
            close: (opened) => client.close(opened),
          },
        }),
  };
}

/** One process for each space, which ends when the space's directory is removed. */
function startRekeyer(space: Space, moduleUrl: string): void {
  try {
    writeFileSync(join(space.directory, "rekeyer"), "", { flag: "wx" });
  } catch {
    return; // it runs, or the space is gone
  }
  spawn(process.execPath, [REKEYER, moduleUrl, JSON.stringify(space)], { stdio: "ignore" }).unref();
}
