// The kit's module of a broken store, for the child processes of the kit: `store.mjs?fault=NAME`.
import { brokenStore } from "./broken-store.mjs";

export default brokenStore(new URL(import.meta.url).searchParams.get("fault"));
