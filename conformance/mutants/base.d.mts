import type { StoreModule } from "../dist/index.js";

/** A new module of the correct store that the mutants are made from. */
export declare function plainModule(): StoreModule;
declare const plain: StoreModule;
export default plain;
