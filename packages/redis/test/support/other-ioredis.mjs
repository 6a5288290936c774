// A store of this package on another version of ioredis: in this process and in any that imports this module.
import { useOtherDriver } from "@tokenkeep/test-servers/driver";

useOtherDriver("ioredis", import.meta.url);
export default (await import("../store.mjs")).default;
