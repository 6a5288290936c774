import type { OpenStore } from "../store-url.js";
import { checkFiles } from "./file.js";
import type { Finding } from "./findings.js";
import { checkMongo } from "./mongo.js";
import { checkMysql } from "./mysql.js";
import { checkPostgres } from "./postgres.js";
import { checkRedis } from "./redis.js";
import { checkSqlite } from "./sqlite.js";

/** Checks the server or file under a store: settings that lose data, rights, clocks, indexes. It only asks. */
export async function checkServer(opened: OpenStore): Promise<Finding[]> {
  const { scheme, url } = opened;
  const path = url.slice(scheme.length + 1);
  if (scheme === "file") return checkFiles(path, [".locks"]);
  if (scheme === "sqlite") return checkSqlite(path);
  if (scheme.startsWith("redis")) return checkRedis(opened);
  if (scheme === "mysql" || scheme === "mariadb") return checkMysql(url);
  if (scheme.startsWith("postgres")) return checkPostgres(url);
  return checkMongo(url);
}
