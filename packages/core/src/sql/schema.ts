import { TokenStoreError } from "../errors.js";

/**
 * The comment of a table, which says that it is ours and how old its layout is.
 * @param version the version of the layout
 * @returns the comment
 */
export function schemaComment(version: number): string {
  return `tokenkeep schema ${version}`;
}

/**
 * Checks that a table is ours, and of this layout.
 * @param backend the backend's name, for the message
 * @param table the table's name, for the message
 * @param comment its comment
 * @param version the only version of the layout that there is
 * @throws TokenStoreError `ERR_SCHEMA`
 */
export function checkSchemaComment(backend: string, table: string, comment: string, version: number): void {
  const found = Number(/^tokenkeep schema (\d+)$/.exec(comment)?.[1]);
  if (found === version) return;
  throw new TokenStoreError(
    "ERR_SCHEMA",
    Number.isNaN(found)
      ? `${backend}: there is a table ${JSON.stringify(table)} that is not tokenkeep's. It was left as it is. Choose ` +
          "another place for the tokens."
      : `${backend}: the table ${JSON.stringify(table)} has version ${found} of the schema, and this package knows ` +
          `${version}. It was left as it is. Update @tokenkeep/${backend}.`,
  );
}

/**
 * The error for tables that are missing and may not be created.
 * @param backend the backend's name, for the message
 * @param statements what creates them
 * @returns an error `ERR_SCHEMA`, to be thrown
 */
export function missingTables(backend: string, statements: readonly string[]): TokenStoreError {
  const ddl = statements.map((statement) => `${statement};`).join("\n\n");
  return new TokenStoreError(
    "ERR_SCHEMA",
    `${backend}: the tables are missing, and may not be created. Run:\n\n${ddl}`,
  );
}
