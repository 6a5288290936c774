import type { StoreModule } from "../dist/index.js";

/** The kit's module of the sound store that the faults are planted in. */
declare const plain: StoreModule;
export default plain;
