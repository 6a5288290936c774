import type { StoreModule } from "../dist/index.js";

/** A new module of the sound store that the faults are planted in. */
export declare function plainModule(): StoreModule;
declare const plain: StoreModule;
export default plain;
