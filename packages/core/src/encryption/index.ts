// What @tokenkeep/core exports of encryption.
export { generateKey, type KeyMaterial, type SecretKey } from "./key-material.js";
export type { EncryptionKey, EncryptionOptions } from "./options.js";
export { keysFromEnvironment, keysFromFile, parseKeys } from "./parse-keys.js";
export {
  type RekeyOptions,
  type RekeyProgress,
  type RekeyReport,
  rekey,
  type UnreadableRecord,
  type VerifyOptions,
  type VerifyReport,
  verify,
} from "./rekey.js";
export { type KeysInUse, keysInUse } from "./stored-records.js";
