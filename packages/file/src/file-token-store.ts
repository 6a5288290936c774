import { resolve } from "node:path";
import { BaseTokenStore, checkStoreOptions, invalidOption, type StoreOptions } from "@tokenkeep/core";
import { FileBackend } from "./file-backend.js";

/** The options of {@link FileTokenStore}. */
export interface FileTokenStoreOptions extends StoreOptions {
  /** The file, made where there is none (0600; its directory 0700). */
  readonly path: string;
  /** Opens a file also where others than its owner may read it; false by default. */
  readonly allowOthers?: boolean | undefined;
}

/** A token store in one file that a person can read, for many processes of one machine, without a server. */
export class FileTokenStore extends BaseTokenStore {
  /**
   * @param options the path, or an object of options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | FileTokenStoreOptions) {
    const all = typeof options === "string" ? { path: options } : options;
    const { namespace, timeoutMs, leaseMs } = checkStoreOptions(all, ["path", "allowOthers"]);
    const { path, allowOthers = false } = all;
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw invalidOption("path must be a string that is not empty: the file to keep the tokens in.");
    }
    if (typeof allowOthers !== "boolean") throw invalidOption("allowOthers must be true or false.");
    // now: a program may change its directory before the first use
    super(new FileBackend(resolve(path), namespace, allowOthers), { namespace, timeoutMs, leaseMs });
  }
}
