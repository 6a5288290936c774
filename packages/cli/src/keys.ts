import { type EncryptionOptions, keysFromEnvironment, keysFromFile } from "@tokenkeep/core";

/**
 * The encryption keys for a store: from a file, or from an environment variable.
 * @param file a file of keys, if the caller named one
 * @param variable the environment variable
 * @returns the option `encryption`, undefined without keys
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function encryptionFrom(file: string | undefined, variable: string): EncryptionOptions | undefined {
  if (file !== undefined) return { keys: keysFromFile(file) };
  return process.env[variable] === undefined ? undefined : { keys: keysFromEnvironment(variable) };
}
