import { encrypted } from "@tokenkeep/conformance";
import store from "./store.mjs";

export default encrypted(store, { rekeyedBy: new URL("store.mjs", import.meta.url) });
