import type { Case } from "../dist/index.js";

/** The cases of each sentence of the contract, and what is wrong. */
export declare function coverage(tests?: readonly Case[]): {
  cases: Map<string, Case[]>;
  problems: string[];
};
export declare function coveragePage(): string;
