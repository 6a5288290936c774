import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { OpenStore } from "../store-url.js";
import { escaped } from "../text.js";
import { type Finding, finding } from "./findings.js";

/** A clock that is further off makes tokens look fresh that are not, and leases short. */
const CLOCK_MS = 30_000;

/** Checks the server or file under a store: settings that lose data, rights, clocks. It only asks. */
export async function checkServer({ scheme, url }: OpenStore): Promise<Finding[]> {
  if (scheme === "file" || scheme === "sqlite") return checkFile(scheme, url.slice(scheme.length + 1));
  if (scheme.startsWith("redis")) return checkRedis(url);
  if (scheme === "mysql" || scheme === "mariadb") return checkMysql(url);
  if (scheme.startsWith("postgres")) return checkPostgres(url);
  return [];
}

function checkFile(scheme: string, path: string): Finding[] {
  const findings: Finding[] = [];
  const names = [path, ...(scheme === "sqlite" ? [`${path}-wal`, `${path}-shm`] : [])];
  for (const name of names) {
    const stats = statSync(name, { throwIfNoEntry: false });
    if (stats === undefined || process.platform === "win32" || (stats.mode & 0o077) === 0) continue;
    const mode = (stats.mode & 0o777).toString(8);
    findings.push(
      finding(
        "readable-by-others",
        "warning",
        `${escaped(name)} has the mode ${mode}: others can read it.`,
        `Run: chmod 600 ${name}`,
      ),
    );
  }
  const folder = statSync(dirname(path));
  if (process.platform !== "win32" && (folder.mode & 0o1002) === 0o002) {
    findings.push(
      finding(
        "directory-writable-by-others",
        "warning",
        `Others can replace files in ${escaped(dirname(path))}.`,
        `Run: chmod o-w ${dirname(path)}`,
      ),
    );
  }
  const leftovers = readdirSync(dirname(path)).filter((name) => /\.tokenkeep-.*\.tmp$/.test(name));
  if (leftovers.length > 0) {
    findings.push(
      finding(
        "leftover-files",
        "advice",
        `Left over by a process that died: ${leftovers.map(escaped).join(", ")}.`,
        "Delete them if no process uses the store.",
      ),
    );
  }
  return findings;
}

interface RedisLike {
  info(section?: string): Promise<string>;
  time(): Promise<[number | string, number | string]>;
  config(command: "GET", name: string): Promise<string[]>;
  disconnect(): void;
}

async function checkRedis(url: string): Promise<Finding[]> {
  const { Redis } = (await driver("ioredis")) as { Redis: new (url: string, options: object) => RedisLike };
  const client = new Redis(url, { maxRetriesPerRequest: 1 });
  const findings: Finding[] = [];
  try {
    const memory = await client.info("memory");
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
    if (policy !== undefined && policy !== "noeviction") {
      findings.push(
        finding(
          "redis-evicts",
          "error",
          `maxmemory-policy is ${policy}: a full server deletes tokens.`,
          "Set maxmemory-policy noeviction.",
        ),
      );
    }
    const persistence = await client.info("persistence");
    const hasLog = /^aof_enabled:1/m.test(persistence);
    if (!hasLog) {
      findings.push(
        finding(
          "redis-not-durable",
          "warning",
          "appendonly is off: a killed server loses what it saved since the last snapshot.",
          "Set appendonly yes.",
        ),
      );
    } else if (/^aof_last_write_status:err/m.test(persistence)) {
      findings.push(
        finding(
          "redis-log-fails",
          "error",
          "The last write to the append-only file failed.",
          "Look at the server's log and its disk.",
        ),
      );
    }
    if (/^rdb_last_bgsave_status:err/m.test(persistence)) {
      findings.push(
        finding(
          "redis-snapshot-fails",
          "error",
          "The last snapshot failed.",
          "Look at the server's log and its disk.",
        ),
      );
    }
    if (/^loading:1/m.test(persistence)) {
      findings.push(
        finding("redis-loading", "error", "The server is still loading its data.", "Wait until it has."),
      );
    }
    const replication = await client.info("replication");
    if (/^role:slave/m.test(replication)) {
      findings.push(
        finding(
          "not-primary",
          "error",
          "The server is a replica: it takes no writes.",
          "Connect to the primary.",
        ),
      );
    }
    const [, fsync] = (await client.config("GET", "appendfsync").catch(() => [])) as string[];
    if (hasLog && fsync === "no") {
      findings.push(
        finding(
          "redis-fsync-off",
          "warning",
          "appendfsync is no: a power cut loses seconds or more.",
          "Set appendfsync everysec or always.",
        ),
      );
    }
    const [seconds, micros] = await client.time();
    findings.push(...clock(Number(seconds) * 1000 + Number(micros) / 1000));
  } finally {
    client.disconnect();
  }
  return findings;
}

interface Rows {
  query(sql: string): Promise<[Record<string, unknown>[]]>;
  end(): Promise<void>;
}

async function checkMysql(url: string): Promise<Finding[]> {
  const { createConnection } = (await driver("mysql2/promise")) as {
    createConnection(url: string): Promise<Rows>;
  };
  const connection = await createConnection(url);
  const findings: Finding[] = [];
  try {
    const one = async (sql: string) => (await connection.query(sql))[0][0] ?? {};
    const { flush, doublewrite, readOnly, now } = await one(
      `SELECT @@innodb_flush_log_at_trx_commit AS flush, @@innodb_doublewrite AS doublewrite, @@read_only AS readOnly,
         TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000 AS now`,
    );
    if (Number(flush) !== 1) {
      findings.push(
        finding(
          "mysql-lax-commit",
          "warning",
          `innodb_flush_log_at_trx_commit is ${flush}: a crash loses about a second.`,
          "Set it to 1.",
        ),
      );
    }
    if (String(doublewrite) === "0" || String(doublewrite) === "OFF") {
      findings.push(
        finding(
          "mysql-no-doublewrite",
          "warning",
          "innodb_doublewrite is off: a power cut can damage a page.",
          "Turn it on.",
        ),
      );
    }
    if (Number(readOnly) === 1) {
      findings.push(finding("not-primary", "error", "The server is read-only.", "Connect to the primary."));
    }
    const variables = (await connection.query("SHOW VARIABLES LIKE 'sync_binlog'"))[0];
    const syncBinlog = variables[0]?.Value;
    const hasBinlog = (await connection.query("SHOW VARIABLES LIKE 'log_bin'"))[0][0]?.Value === "ON";
    if (hasBinlog && String(syncBinlog) !== "1") {
      findings.push(
        finding(
          "mysql-lax-binlog",
          "advice",
          `sync_binlog is ${syncBinlog}: after a crash a replica may lack commits.`,
          "Set it to 1.",
        ),
      );
    }
    findings.push(...clock(Number(now)));
  } finally {
    await connection.end();
  }
  return findings;
}

interface PgClient {
  connect(): Promise<void>;
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
}

async function checkPostgres(url: string): Promise<Finding[]> {
  const module = (await driver("pg")) as { default?: { Client: new (options: object) => PgClient } };
  const client = new module.default!.Client({ connectionString: url });
  await client.connect();
  const findings: Finding[] = [];
  try {
    const { rows } = await client.query(
      `SELECT current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync,
         current_setting('full_page_writes') AS pages, pg_is_in_recovery() AS replica,
         (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now`,
    );
    const [{ commit, fsync, pages, replica, now } = {}] = rows;
    if (fsync === "off")
      findings.push(
        finding(
          "postgres-fsync-off",
          "error",
          "fsync is off: a crash can destroy the database.",
          "Turn it on.",
        ),
      );
    if (pages === "off")
      findings.push(
        finding(
          "postgres-no-page-writes",
          "warning",
          "full_page_writes is off: a power cut can damage a page.",
          "Turn it on.",
        ),
      );
    if (commit === "off") {
      findings.push(
        finding(
          "postgres-lax-commit",
          "warning",
          "synchronous_commit is off: a crash loses the last saves.",
          "Set it to on.",
        ),
      );
    }
    if (replica === true)
      findings.push(
        finding(
          "not-primary",
          "error",
          "The server is a replica: it takes no writes.",
          "Connect to the primary.",
        ),
      );
    findings.push(...clock(Number(now)));
  } finally {
    await client.end();
  }
  return findings;
}

function clock(serverTime: number): Finding[] {
  const ms = Math.round(serverTime - Date.now());
  if (Math.abs(ms) < CLOCK_MS) return [];
  const seconds = Math.round(Math.abs(ms) / 1000);
  const direction = ms > 0 ? "ahead of" : "behind";
  return [
    finding(
      "clock-differs",
      "warning",
      `The server's clock is ${seconds} s ${direction} this host's.`,
      "Set both clocks by NTP.",
    ),
  ];
}

async function driver(name: string): Promise<unknown> {
  const project = createRequire(join(process.cwd(), "package.json"));
  return import(pathToFileURL(project.resolve(name)).href);
}
