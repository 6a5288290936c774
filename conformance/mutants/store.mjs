// The module of a mutant for the kit's child processes: `store.mjs?mutant=NAME`.
import { mutantStore } from "./mutant-store.mjs";

export default mutantStore(new URL(import.meta.url).searchParams.get("mutant"));
