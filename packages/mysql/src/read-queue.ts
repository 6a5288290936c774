import type { Deadline } from "@tokenkeep/core";
import type { Connections } from "./connections.js";
import type { Value } from "./execute.js";
import type { MysqlConnection } from "./pool.js";

type Row = readonly unknown[];

/** How many reads one statement answers. Few sizes, and none longer, since each connection prepares every one. */
const SIZES = [8, 4, 2, 1];
const MOST = SIZES[0]!;

/**
 * Reads of one kind that wait for a connection, as they were asked in one turn of the event loop or none is free:
 * the connection that comes takes as many of them as go into one statement. A read that is alone goes alone, and
 * waits for nobody. Each has its own time limit and its own error.
 */
export class ReadQueue {
  readonly #connections: Connections;
  readonly #makeText: (reads: number) => string;
  readonly #texts = new Map<number, string>();
  /** In the order in which they came. */
  readonly #waiting = new Set<Read>();
  /** Those of this turn, for which no connection was asked yet. */
  #turn: Read[] = [];

  /**
   * @param makeText the statement for so many reads. Their values go into it one after the other; where there are
   *   several, the last of a row's columns is the number of its read
   */
  constructor(connections: Connections, makeText: (reads: number) => string) {
    this.#connections = connections;
    this.#makeText = makeText;
  }

  read(values: readonly Value[]): Promise<readonly Row[]> {
    return this.#connections.persist((end) => this.#join(values, end));
  }

  #join(values: readonly Value[], end: number): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      const read = new Read(values, end, resolve, reject);
      read.deadline = this.#connections.deadline(end, (late) => {
        this.#waiting.delete(read);
        read.reject(late);
        // as long as one call waits for it, a statement that was sent goes on
        if (read.sent?.reads.every(({ isOver }) => isOver)) this.#connections.drop(read.sent.connection);
      });
      this.#waiting.add(read);
      if (this.#turn.push(read) > 1) return;
      process.nextTick(() => {
        const turn = this.#turn;
        this.#turn = [];
        for (let i = 0; i < turn.length; i += MOST) this.#serve(turn.slice(i, i + MOST));
      });
    });
  }

  /**
   * Asks for connections until none of these reads waits any more. What comes serves whoever waits longest; where
   * none can be had, these reads fail.
   */
  #serve(reads: readonly Read[]): void {
    this.#connections.borrow((error, connection) => {
      if (error !== null) {
        for (const read of reads) if (this.#waiting.delete(read)) read.reject(error);
        return;
      }
      const next = this.#next();
      if (next.length === 0) return connection.release();
      this.#send(connection, next);
      const left = reads.filter((read) => this.#waiting.has(read));
      if (left.length > 0) this.#serve(left);
    });
  }

  #next(): Read[] {
    const size = SIZES.find((reads) => reads <= this.#waiting.size) ?? 0;
    const next: Read[] = [];
    for (const read of this.#waiting) {
      if (next.length === size) break;
      this.#waiting.delete(read);
      next.push(read);
    }
    return next;
  }

  #send(connection: MysqlConnection, reads: readonly Read[]): void {
    for (const read of reads) read.sent = { connection, reads };
    const isOne = reads.length === 1;
    const values = isOne ? reads[0]!.values : reads.flatMap((read) => read.values);
    this.#connections.send(connection, this.#textFor(reads.length), values, (error, result) => {
      // others may have this connection now, and the one that they asked for may never come
      if (this.#waiting.size > 0) this.#serve([]);
      if (error !== null) {
        // it may be the fault of one: each goes on alone, to an answer of its own
        for (const read of reads) isOne ? read.reject(error) : this.#sendAlone(read);
      } else if (isOne) {
        reads[0]!.resolve(result.rows);
      } else {
        const rows: Row[][] = reads.map(() => []);
        for (const row of result.rows) rows[Number(row.at(-1))]!.push(row);
        reads.forEach((read, i) => void read.resolve(rows[i]!));
      }
    });
  }

  #textFor(reads: number): string {
    let text = this.#texts.get(reads);
    if (text === undefined) {
      text = this.#makeText(reads);
      this.#texts.set(reads, text);
    }
    return text;
  }

  #sendAlone(read: Read): void {
    if (read.isOver) return;
    read.deadline!.cancel();
    this.#connections.once(this.#textFor(1), read.values, read.end).then(
      ({ rows }) => read.resolve(rows),
      (error) => read.reject(error),
    );
  }
}

/** What one call reads. */
class Read {
  readonly values: readonly Value[];
  readonly end: number;
  /** Which connection it went over, and with whom. */
  sent: { readonly connection: MysqlConnection; readonly reads: readonly Read[] } | undefined;
  deadline: Deadline | undefined;
  isOver = false;
  readonly #resolve: (rows: readonly Row[]) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    values: readonly Value[],
    end: number,
    resolve: (rows: readonly Row[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.values = values;
    this.end = end;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  resolve(rows: readonly Row[]): void {
    this.#end();
    this.#resolve(rows);
  }

  reject(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.isOver = true;
    this.deadline?.cancel();
  }
}
