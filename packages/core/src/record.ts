import type { TokenFields } from "./fields.js";

/** A stored token: what a backend keeps and gives back, field by field, as it was handed over. */
export interface TokenRecord extends TokenFields {
  /** Unique in the namespace; up to 255 bytes of UTF-8. */
  readonly id: string;
  /** 1 on insert, one more on each update. For people and for `ifRevision`. */
  readonly revision: number;
  /** Different for every write there ever was. What `replace` compares. */
  readonly etag: string;
  /** When the record was first saved, in Unix milliseconds. Never changes. */
  readonly createdAt: number;
  /** When the record was last saved, in Unix milliseconds. */
  readonly savedAt: number;
}

/** How a field is stored: its property in {@link TokenRecord}, and its column in Zoho's own formats. */
export interface TokenColumn {
  /** The property's name. */
  readonly property: keyof TokenRecord;
  /** The column's name, fit for any SQL database without quotes. */
  readonly column: string;
  /** What it holds: text of any length up to 64 KiB, or an integer of up to 53 bits. */
  readonly type: "string" | "integer";
}

/** Every field of a record, in the order in which a person wants to read it. */
export const TOKEN_COLUMNS: readonly TokenColumn[] = [
  { property: "id", column: "id", type: "string" },
  { property: "userName", column: "user_name", type: "string" },
  { property: "clientId", column: "client_id", type: "string" },
  { property: "clientSecret", column: "client_secret", type: "string" },
  { property: "refreshToken", column: "refresh_token", type: "string" },
  { property: "accessToken", column: "access_token", type: "string" },
  { property: "grantToken", column: "grant_token", type: "string" },
  { property: "expiresAt", column: "expires_at", type: "integer" },
  { property: "redirectUrl", column: "redirect_url", type: "string" },
  { property: "apiDomain", column: "api_domain", type: "string" },
  { property: "revision", column: "revision", type: "integer" },
  { property: "etag", column: "etag", type: "string" },
  { property: "createdAt", column: "created_at", type: "integer" },
  { property: "savedAt", column: "saved_at", type: "integer" },
];
