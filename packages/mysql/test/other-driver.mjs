// The kit's module with another version of the driver.
import { useOtherDriver } from "@tokenkeep/test-servers/driver";

useOtherDriver("mysql2", import.meta.url);
export default (await import("./store.mjs")).default;
