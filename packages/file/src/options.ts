import { resolve } from "node:path";
import type { PersistentStoreOptions } from "@tokenkeep/core";
import { type CheckedStoreOptions, checkStoreOptions, invalidOption } from "@tokenkeep/core/backend";

/** The options of {@link FileTokenStore}. */
export interface FileTokenStoreOptions extends PersistentStoreOptions {
  /** The file. It is created if it is missing (mode 0600, its directory 0700). */
  readonly path: string;
  /** Also opens a file that others than its owner may read or write; `false` by default. */
  readonly allowOthers?: boolean | undefined;
}

export interface CheckedOptions extends CheckedStoreOptions {
  /** Absolute. */
  readonly path: string;
  readonly allowOthers: boolean;
}

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | FileTokenStoreOptions): CheckedOptions {
  const options = typeof input === "string" ? { path: input } : input;
  const common = checkStoreOptions(options, ["open", "path", "allowOthers"]);
  const { path, allowOthers = false } = options;
  if (path === undefined) {
    throw invalidOption("path is undefined. If it comes from an environment variable, is that set?");
  }
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw invalidOption("path must be the path of the file that is to hold the tokens.");
  }
  if (/^file:/i.test(path)) {
    throw invalidOption("path is a file: URL. Give the path: fileURLToPath(url), from node:url.");
  }
  if (typeof allowOthers !== "boolean") throw invalidOption("allowOthers must be true or false.");
  // Resolved now, as the program may change its directory before the first use.
  return { ...common, path: resolve(path), allowOthers };
}
