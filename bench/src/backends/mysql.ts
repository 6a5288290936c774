import { MysqlTokenStore } from "@tokenkeep/mysql";
import { startServer } from "@tokenkeep/test-servers";
import { DBBuilder } from "@zohocrm/typescript-sdk-8.0";
import { createPool, type Pool } from "mysql2/promise";
import { type Contender, type GroupResult, measure } from "../harness.js";
import { queryOf, someOf, tokenOf } from "../tokens.js";
import { zohoToken } from "../zoho-token.js";

const SIZES = [100, 100_000];
const SDK_TABLE = `CREATE TABLE oauthtoken (id varchar(10) NOT NULL, user_name varchar(255), client_id varchar(255),
  client_secret varchar(255), refresh_token varchar(255), access_token varchar(255), grant_token varchar(255),
  expiry_time varchar(20), redirect_url varchar(255), api_domain varchar(255), PRIMARY KEY (id))`;

/**
 * The store beside the SDK's DBStore and a bare `SELECT` by primary key, on one server. That is MariaDB: the
 * SDK's driver can't log in to MySQL 9.
 */
export async function benchMysql(): Promise<GroupResult[]> {
  const server = await startServer("mariadb");
  const pool = createPool({ uri: server.url, connectionLimit: 10 });
  const stores = SIZES.map((size) => new MysqlTokenStore({ pool, namespace: `bench-${size}` }));
  try {
    for (const [index, store] of stores.entries()) await fill(store, SIZES[index]!);
    const ids = await idsIn(pool, `bench-${SIZES[0]}`);
    const sdk = await sdkStore(server.url, pool, SIZES[0]!);
    return await compare(stores, pool, ids, sdk);
  } finally {
    for (const store of stores) await store.close();
    await pool.end();
    await server.stop();
  }
}

type Sdk = Awaited<ReturnType<typeof sdkStore>>;

async function compare(
  stores: readonly MysqlTokenStore[],
  pool: Pool,
  ids: readonly string[],
  sdk: Sdk,
): Promise<GroupResult[]> {
  const [few, many] = SIZES.map((size) => `store, ${size.toLocaleString("en")} records`) as [string, string];
  const ours = (job: (store: MysqlTokenStore, i: number, n: number) => unknown): Contender[] =>
    stores.map((store, index) => ({
      name: [few, many][index]!,
      run: (i) => job(store, someOf(SIZES[index]!, i), i),
    }));
  const bare: Contender = {
    name: "bare SELECT by primary key",
    run: (i) =>
      pool.execute("SELECT * FROM tokenkeep WHERE namespace = ? AND id = ?", [
        `bench-${SIZES[0]}`,
        ids[someOf(ids.length, i)]!,
      ]),
  };
  const flat = { contender: many, against: few, times: 1 / 1.3 };
  const results: GroupResult[] = [];
  for (const callers of [1, 50]) {
    const sdkTarget = { contender: few, against: "SDK's DBStore", times: callers === 1 ? 1.5 : 5 };
    results.push(
      await measure({
        title: "Find by user and client, MariaDB",
        callers,
        operations: 500,
        contenders: [
          bare,
          { name: "SDK's DBStore", run: (i) => sdk.find(someOf(SIZES[0]!, i)) },
          ...ours((store, i) => store.findToken(queryOf(i))),
        ],
        targets: [{ contender: few, against: bare.name, times: 0.9 }, flat, sdkTarget],
      }),
      await measure({
        title: "Save a changed access token, MariaDB",
        callers,
        operations: 200,
        contenders: [
          { name: "SDK's DBStore", run: (i) => sdk.save(someOf(SIZES[0]!, i), i) },
          ...ours((store, i, version) => store.saveToken(tokenOf(i, version))),
        ],
        targets: [flat, sdkTarget],
      }),
    );
  }
  return results;
}

async function fill(store: MysqlTokenStore, size: number): Promise<void> {
  for (let i = 0; i < size; i += 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, size - i) }, (_, j) => store.saveToken(tokenOf(i + j))),
    );
  }
}

async function idsIn(pool: Pool, namespace: string): Promise<string[]> {
  const [rows] = await pool.execute("SELECT id FROM tokenkeep WHERE namespace = ?", [namespace]);
  return (rows as { id: string }[]).map(({ id }) => id);
}

async function sdkStore(url: string, pool: Pool, size: number) {
  await pool.query(SDK_TABLE);
  for (let i = 0; i < size; i++) {
    const {
      userSignature,
      clientId,
      clientSecret,
      refreshToken,
      accessToken,
      expiresAt,
      redirectUrl,
      apiDomain,
    } = tokenOf(i);
    await pool.query("INSERT INTO oauthtoken VALUES (?)", [
      [
        `${i + 1}`,
        userSignature.name,
        clientId,
        clientSecret,
        refreshToken,
        accessToken,
        null,
        `${expiresAt}`,
        redirectUrl,
        apiDomain,
      ],
    ]);
  }
  const { hostname, port, username, password, pathname } = new URL(url);
  const store = new DBBuilder()
    .host(hostname)
    .portNumber(Number(port))
    .userName(username)
    .password(password)
    .databaseName(pathname.slice(1))
    .tableName("oauthtoken")
    .build();
  return {
    find: (i: number) => store.findToken(zohoToken(i)),
    save: (i: number, version: number) => store.saveToken(zohoToken(i, version)),
  };
}
