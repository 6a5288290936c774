/** Every document with something generated in it, as it should be: its path and its text. */
export declare function documents(): Map<string, string>;
/** The paths of those that are not as they should be. */
export declare function stale(): string[];
