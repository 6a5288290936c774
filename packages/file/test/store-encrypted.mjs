import { encrypted } from "@tokenkeep/conformance";
import store from "./store.mjs";

export default encrypted(store);
