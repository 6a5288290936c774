// What programs in the documentation find when they run: files of Zoho's SDKs, a stand-in for Zoho, databases.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";
import { RedisTokenStore } from "@tokenkeep/redis";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { startZoho, type ZohoStandIn } from "@tokenkeep/zoho-stand-in";
import Database from "better-sqlite3";
import { MongoClient } from "mongodb";
import { createConnection } from "mysql2/promise";
import pg from "pg";

/** Where one program runs. Settings put things there, and may change the program's text. */
export interface Place {
  readonly directory: string;
  readonly env: Record<string, string>;
  text: string;
  /** The servers that the program names, by the scheme of their URLs. */
  readonly urls: Partial<Record<Scheme, string>>;
  /** Set by the setting `zoho`. */
  zoho?: ZohoStandIn;
  onEnd(work: () => Promise<unknown>): void;
}

export type Scheme = "redis" | "mysql" | "postgres" | "mongodb";

const CLIENT = "1000.CLIENT";
const COLUMNS =
  "id,user_name,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url,api_domain";
// two rows of one user, another user's, and one that says nothing
const ROWS = [
  ["1", "ann@example.com", CLIENT, "secret", "1000.r-ann", "1000.a-old", "", "1000", "", ""],
  ["2", "ann@example.com", CLIENT, "secret", "1000.r-ann", "1000.a-new", "", "2000", "", ""],
  ["3", "bob@example.com", CLIENT, "secret", "1000.r-bob", "1000.a-bob", "", "2000", "", ""],
  ["10", "cy@example.com", CLIENT, "secret", "", "", "", "", "", ""],
];

function writeCsv(path: string): void {
  writeFileSync(path, [COLUMNS, ...ROWS].join("\n"), { mode: 0o600 });
}

export const SETTINGS: Readonly<Record<string, (place: Place) => void | Promise<void>>> = {
  "zoho_tokens.csv": ({ directory }) => writeCsv(join(directory, "zoho_tokens.csv")),

  "zohooauth.db": ({ directory }) => {
    const database = new Database(join(directory, "zohooauth.db"));
    database.exec(`CREATE TABLE oauthtoken (${COLUMNS.replaceAll(",", " TEXT,")} TEXT)`);
    const insert = database.prepare(`INSERT INTO oauthtoken VALUES (${ROWS[0]!.map(() => "?").join(", ")})`);
    for (const row of ROWS) insert.run(...row);
    database.close();
  },

  oauthtoken: async ({ urls }) => {
    const connection = await createConnection(urls.mysql!);
    // as the SDK's own script makes it
    const columns = COLUMNS.replaceAll(",", " varchar(255), ").replace(
      /^id varchar\(255\)/,
      "id varchar(10) NOT NULL",
    );
    await connection.query(`CREATE TABLE oauthtoken (${columns} varchar(255), PRIMARY KEY (id))`);
    for (const row of ROWS)
      await connection.query("INSERT INTO oauthtoken VALUES (?)", [row.map((value) => value || null)]);
    await connection.end();
  },

  "tokens.jsonl": async ({ directory }) => {
    const store = new FileTokenStore(join(directory, "tokens.jsonl"));
    for (const name of ["ann", "bob"])
      await store.saveToken({ userSignature: { name }, refreshToken: `1000.${name}` });
    await store.close();
  },

  zoho: async (place) => {
    const zoho = await startZoho();
    place.onEnd(() => zoho.stop());
    place.zoho = zoho;
    place.env.ZOHO_CLIENT_ID = CLIENT;
    place.env.ZOHO_CLIENT_SECRET = "secret";
    place.env.ZOHO_GRANT_TOKEN = zoho.grant(CLIENT, { email: "ann@example.com", zgid: "60001" });
    // all that is not as it stands in the documentation: where Zoho is
    const there = `new sdk.Environment("${zoho.url}", "${zoho.url}/oauth/v2/token", "${zoho.url}")`;
    place.text = place.text.replace("sdk.USDataCenter.PRODUCTION()", there);
  },

  "two users": async ({ directory, zoho }) => {
    const store = new SqliteTokenStore(join(directory, "tokens.db"));
    for (const name of ["ann", "bob"]) {
      const code = zoho!.grant(CLIENT, { email: `${name}@example.com`, zgid: "60001" });
      const body = new URLSearchParams({ grant_type: "authorization_code", client_id: CLIENT, code });
      const response = await fetch(`${zoho!.url}/oauth/v2/token`, { method: "POST", body });
      const answer = (await response.json()) as { access_token: string; refresh_token: string };
      await store.saveToken({
        userSignature: { name: `${name}@example.com:60001` },
        clientId: CLIENT,
        clientSecret: "secret",
        refreshToken: answer.refresh_token,
        accessToken: answer.access_token,
        expiresAt: Date.now() + 3_600_000,
      });
    }
    await store.close();
  },
};

let count = 0;

/** Gives the program a database of its own on the servers that its URLs name. */
export async function giveDatabases(place: Place): Promise<void> {
  const own = `docs_${process.pid}_${count++}`;
  for (const scheme of Object.keys(place.urls) as Scheme[]) {
    const url = new URL(place.urls[scheme]!);
    await DATABASES[scheme](url, own, place);
    place.urls[scheme] = url.href;
    // "redis://localhost:6379", wherever the documentation says that it is
    place.text = place.text.replaceAll(new RegExp(`"${scheme}://[^"]*"`, "g"), JSON.stringify(url.href));
  }
}

const DATABASES: Readonly<Record<Scheme, (url: URL, own: string, place: Place) => Promise<void>>> = {
  redis: async (url, _own, place) => {
    // the documentation's programs keep their tokens in the default namespace: empty it, and nothing else
    const empty = async (): Promise<void> => {
      const store = new RedisTokenStore(url.href);
      await store.deleteTokens();
      await store.close();
    };
    await empty();
    place.onEnd(empty);
  },
  mysql: async (url, own, place) => {
    const server = url.href;
    const run = async (sql: string): Promise<void> => {
      const connection = await createConnection(server);
      await connection.query(sql);
      await connection.end();
    };
    await run(`CREATE DATABASE ${own}`);
    place.onEnd(() => run(`DROP DATABASE ${own}`));
    url.pathname = `/${own}`;
  },
  postgres: async (url, own, place) => {
    const server = url.href;
    const run = async (sql: string): Promise<void> => {
      const client = new pg.Client(server);
      await client.connect();
      await client.query(sql);
      await client.end();
    };
    await run(`CREATE DATABASE ${own}`);
    place.onEnd(() => run(`DROP DATABASE ${own} WITH (FORCE)`));
    url.pathname = `/${own}`;
  },
  mongodb: async (url, own, place) => {
    url.pathname = `/${own}`;
    place.onEnd(async () => {
      const client = new MongoClient(url.href);
      await client.db().dropDatabase();
      await client.close();
    });
  },
};
