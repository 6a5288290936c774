/** The mutants that histories have to find, as far as the test needs to know them. */
export declare const historyMutants: readonly { readonly name: string }[];
