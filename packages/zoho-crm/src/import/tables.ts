import { TokenStoreError } from "@tokenkeep/core";
import { checkOptionNames } from "@tokenkeep/core/backend";
import type { ZohoClient } from "../formats/columns.js";

/** Which table to read, and what its rows may lack. */
export interface TableOptions extends ZohoClient {
  /** The table's name. By default `oauthtoken`, and `oauthtokens` of the SDKs before 2020: whichever is there. */
  readonly table?: string | undefined;
}

/** The client that the options name. */
export function clientOf({ clientId, clientSecret }: TableOptions): ZohoClient {
  return { clientId, clientSecret };
}

/** The tables to look for. */
export function tableNames(options: TableOptions): readonly string[] {
  checkOptionNames("the import", options, ["table", "clientId", "clientSecret"]);
  const { table } = options;
  if (table === undefined) return ["oauthtoken", "oauthtokens"];
  if (typeof table === "string" && table !== "") return [table];
  throw new TokenStoreError("ERR_INVALID_OPTIONS", 'The option "table" must be the name of a table.');
}

export function noTable(options: TableOptions): TokenStoreError {
  const names = tableNames(options).map((name) => JSON.stringify(name));
  return new TokenStoreError(
    "ERR_INVALID_OPTIONS",
    `This database has no table ${names.join(" and no table ")} that its user may read. Check which database the ` +
      'connection uses (Zoho\'s name is "zohooauth"), the privileges, and the option "table".',
  );
}
