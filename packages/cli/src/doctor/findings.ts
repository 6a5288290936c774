/** How bad it is. `error`: something is wrong; `warning`: tokens may be lost or shown; `advice`: could be better. */
export type Severity = "error" | "warning" | "advice";

/** Every finding there is: how bad it is, and what to do. The names are stable, for `--ignore`. */
export const FINDINGS = {
  unreachable: ["error", "Check the address, the network and the server."],
  refused: ["error", "Check user, password and privileges; the adapter's README lists what it needs."],
  "missing-privileges": ["error", "Grant them; the adapter's README lists all that it needs."],
  schema: ["error", "Check the URL and the namespace; run: tokenkeep migrate"],
  "schema-index-missing": ["error", "Create it again; the adapter's README has the statement."],
  key: ["error", "Give the right keys in TOKENKEEP_KEYS or --keys-file."],
  corrupt: ["error", "Restore a backup."],
  failed: ["error", "See the message."],
  "settings-unknown": ["advice", "Give the user the right to read them."],
  "not-primary": ["error", "Connect to the primary."],
  "clock-differs": ["warning", "Set both clocks by NTP."],

  "dead-grants": ["warning", "Ask these users to log in again, or prune them."],
  "expired-without-refresh": ["advice", "Run: tokenkeep prune --expired"],
  "saved-in-the-future": ["warning", "Set the clocks of all hosts by NTP."],
  "index-missing": ["error", "Restore a backup, or export the store and import it into a new one."],
  "index-orphan": ["error", "Restore a backup, or export the store and import it into a new one."],
  "unreadable-record": ["error", "Give the right keys, or restore a backup."],
  "mixed-plaintext": ["warning", "Run: tokenkeep rekey"],
  "several-keys": ["advice", "Run: tokenkeep rekey"],

  "readable-by-others": ["warning", "Take the others' rights away: chmod 600"],
  "directory-writable-by-others": ["warning", "Take the others' rights away: chmod o-w"],
  "leftover-files": ["advice", "Start a program on the store: its first save deletes them."],
  "sqlite-not-wal": ["warning", "Run on the database: PRAGMA journal_mode = WAL"],

  "redis-not-durable": ["warning", "Set appendonly yes."],
  "redis-fsync-off": ["warning", "Set appendfsync everysec or always."],
  "redis-evicts": ["error", "Set maxmemory-policy noeviction."],
  "redis-nearly-full": ["warning", "Raise maxmemory, or prune."],
  "redis-expires": ["error", "Run PERSIST on them, and find out what sets an expiry."],
  "redis-log-fails": ["error", "Look at the server's log and its disk."],
  "redis-snapshot-fails": ["error", "Look at the server's log and its disk."],

  "mysql-lax-commit": ["warning", "Set innodb_flush_log_at_trx_commit to 1."],
  "mysql-lax-binlog": ["advice", "Set sync_binlog to 1."],
  "mysql-no-doublewrite": ["warning", "Turn innodb_doublewrite on."],
  "mysql-not-innodb": ["error", "Convert it: ALTER TABLE … ENGINE = InnoDB"],

  "postgres-fsync-off": ["error", "Turn fsync on."],
  "postgres-no-page-writes": ["warning", "Turn full_page_writes on."],
  "postgres-lax-commit": ["warning", "Set synchronous_commit to on."],
  "postgres-unlogged": ["error", "Convert it: ALTER TABLE … SET LOGGED"],
} as const;

/** The name of a finding. */
export type FindingName = keyof typeof FINDINGS;

/** Something that `doctor` found. */
export interface Finding {
  readonly name: FindingName;
  readonly severity: Severity;
  /** What was found. */
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Makes a finding. */
export function finding(name: FindingName, what: string): Finding {
  const [severity, advice] = FINDINGS[name];
  return { name, severity, what, advice };
}

/** A finding for the privileges that a user lacks, such as `DELETE on tokenkeep`. */
export function missingPrivileges(missing: readonly string[]): Finding[] {
  if (missing.length === 0) return [];
  return [finding("missing-privileges", `This user lacks ${missing.join(", ")}.`)];
}

/** A clock that is further off makes tokens look fresh that are not, and leases short. */
const CLOCK_MS = 30_000;

/** Compares the server's clock with this host's. */
export function checkClock(serverTime: number): Finding[] {
  const ms = Math.round(serverTime - Date.now());
  if (Math.abs(ms) < CLOCK_MS) return [];
  const seconds = Math.round(Math.abs(ms) / 1000);
  const direction = ms > 0 ? "ahead of" : "behind";
  return [finding("clock-differs", `The server's clock is ${seconds} s ${direction} this host's.`)];
}
