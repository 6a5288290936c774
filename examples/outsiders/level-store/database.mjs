import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { TokenStoreError } from "@tokenkeep/core";
import { Level } from "level";

// level lets one process open a database, once: the stores of one path share it.
const databases = new Map();

/** A database that several stores of this process have open. */
export class Database {
  level;
  #path;
  #users = 0;
  #turn = Promise.resolve();

  constructor(path) {
    this.#path = path;
    this.level = new Level(path);
  }

  /** @param mode "existing" creates nothing */
  static async open(path, mode) {
    const absolute = resolve(path);
    if (mode === "existing" && !existsSync(absolute)) {
      throw new TokenStoreError("ERR_SCHEMA", `level: ${path} does not exist. Check the path.`);
    }
    const database = databases.get(absolute) ?? new Database(absolute);
    databases.set(absolute, database);
    database.#users++;
    try {
      await database.level.open();
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Runs `work` when all earlier work has ended, so that nothing comes between a read and a write that depends on it. */
  alone(work) {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async close() {
    if (--this.#users > 0) return;
    databases.delete(this.#path);
    await this.#turn;
    await this.level.close();
  }
}
