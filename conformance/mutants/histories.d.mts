/** The mutants that only histories find, as far as the test needs to know them. */
export declare const historyMutants: readonly { readonly name: string }[];
