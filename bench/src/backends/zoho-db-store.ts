import { DBBuilder } from "@zohocrm/typescript-sdk-8.0";
import type { Pool } from "mysql2/promise";
import { fill } from "../alternatives.js";
import type { Candidate } from "../bench.js";
import { tokenOf } from "../tokens.js";
import { zohoToken } from "../zoho-token.js";

/** As the SDK's documentation creates it. */
const COLUMNS = `id varchar(10) NOT NULL, user_name varchar(255), client_id varchar(255),
  client_secret varchar(255), refresh_token varchar(255), access_token varchar(255), grant_token varchar(255),
  expiry_time varchar(20), redirect_url varchar(255), api_domain varchar(255), PRIMARY KEY (id)`;

/** The SDK's own store for MySQL. Its rows are inserted directly, since its own saves would take hours. */
export async function zohoDbStore(
  name: string,
  pool: Pool,
  url: string,
  size: number,
  durability: string,
): Promise<Candidate> {
  const table = `oauthtoken_${size}`;
  await pool.query(`CREATE TABLE ${table} (${COLUMNS})`);
  await fill(size, (i) => {
    const token = tokenOf(i);
    const row = {
      id: String(i + 1),
      user_name: token.userSignature.name,
      client_id: token.clientId,
      client_secret: token.clientSecret,
      refresh_token: token.refreshToken,
      access_token: token.accessToken,
      expiry_time: String(token.expiresAt),
      redirect_url: token.redirectUrl,
      api_domain: token.apiDomain,
    };
    return pool.query("INSERT INTO ?? SET ?", [table, row]);
  });
  const { hostname, port, username, password, pathname } = new URL(url);
  const store = new DBBuilder()
    .host(hostname)
    .portNumber(Number(port))
    .userName(username)
    .password(password)
    .databaseName(pathname.slice(1))
    .tableName(table)
    .build();
  return {
    name,
    kind: "alternative",
    size,
    durability,
    jobs: {
      find: (i) => store.findToken(zohoToken(i)),
      save: (i, version) => store.saveToken(zohoToken(i, version)),
    },
  };
}
