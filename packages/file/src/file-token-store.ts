import { BaseTokenStore } from "@tokenkeep/core/backend";
import { FileBackend } from "./backend.js";
import { checkOptions, type FileTokenStoreOptions } from "./options.js";

/** A token store in one file that a person can read, for many processes on one machine, without a server. */
export class FileTokenStore extends BaseTokenStore {
  /**
   * @param options the path of the file, or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | FileTokenStoreOptions) {
    const checked = checkOptions(options);
    const { namespace, timeoutMs, leaseMs, encryption } = checked;
    super(new FileBackend(checked), { namespace, timeoutMs, leaseMs, encryption });
  }
}
