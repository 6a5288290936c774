import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connections } from "../src/connections.js";
import type { CallbackPool, MysqlConnection } from "../src/pool.js";
import { ReadQueue } from "../src/read-queue.js";

const TIMEOUT_MS = 1000;

/** A pool that gives a connection when it is told to. */
class Pool implements CallbackPool {
  readonly asked: Parameters<CallbackPool["getConnection"]>[0][] = [];
  getConnection(callback: (error: Error | null, connection: MysqlConnection) => void): void {
    this.asked.push(callback);
  }
  give(connection: Connection): void {
    this.asked.shift()!(null, connection);
  }
  refuse(error: Error): void {
    this.asked.shift()!(error, undefined as never);
  }
}

/** A connection that replies when it is told to. */
class Connection implements MysqlConnection {
  readonly statements: { sql: string; values: unknown[]; reply: (...reply: unknown[]) => void }[] = [];
  isFree = false;
  isCut = false;
  execute(statement: unknown, callback: unknown): void {
    const { sql, values } = statement as { sql: string; values: unknown[] };
    this.statements.push({ sql, values, reply: callback as (...reply: unknown[]) => void });
  }
  query(): void {}
  release(): void {
    this.isFree = true;
  }
  destroy(): void {
    this.isCut = true;
  }
  /** Answers each read of a statement with the value that it asked for. */
  answer(index: number): void {
    const { values, reply } = this.statements[index]!;
    const rows = values.length === 1 ? [[values[0]]] : values.map((value, nth) => [value, nth]);
    reply(null, rows);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const refusal = (errno: number) => Object.assign(new Error(`refused with ${errno}`), { errno, code: "ER_X" });

describe("reads that wait", () => {
  let pool: Pool;
  let queue: ReadQueue;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    pool = new Pool();
    queue = new ReadQueue(new Connections(pool, TIMEOUT_MS), (reads) => `${reads}`);
  });
  afterEach(() => void vi.useRealTimers());
  /** What became of a read: its value, or the error's message. */
  const read = (value: string) =>
    queue.read([value]).then(
      (rows) => rows[0]?.[0],
      (error) => String(error.message),
    );

  it("go out in one statement where they were asked in one turn, and each gets its own rows", async () => {
    const reads = Promise.all(["a", "b", "c", "d"].map(read));
    await turn();
    expect(pool.asked).toHaveLength(1);
    const connection = new Connection();
    pool.give(connection);
    expect(connection.statements.map(({ sql, values }) => [sql, values])).toEqual([
      ["4", ["a", "b", "c", "d"]],
    ]);
    connection.answer(0);
    expect(await reads).toEqual(["a", "b", "c", "d"]);
    expect(connection.isFree).toBe(true);
  });

  it("are sent in a few sizes, over as many connections as there are", async () => {
    const values = Array.from({ length: 23 }, (_, i) => `${i}`);
    const reads = Promise.all(values.map(read));
    await turn();
    const connections: Connection[] = [];
    while (pool.asked.length > 0) {
      connections.push(new Connection());
      pool.give(connections.at(-1)!);
    }
    expect(connections.map(({ statements: [one] }) => one!.sql)).toEqual(["8", "8", "4", "2", "1"]);
    for (const connection of connections) connection.answer(0);
    expect(await reads).toEqual(values);
  });

  it("go with the first connection that is free, asked in whichever turn; one that comes in vain goes back", async () => {
    const first = read("first");
    await turn();
    const second = read("second");
    await turn();
    expect(pool.asked).toHaveLength(2);
    const [one, two] = [new Connection(), new Connection()];
    pool.give(one);
    pool.give(two);
    expect(one.statements[0]?.values).toEqual(["first", "second"]);
    expect(two).toMatchObject({ statements: [], isFree: true });
    one.answer(0);
    expect(await Promise.all([first, second])).toEqual(["first", "second"]);
  });

  it("get no answer to a statement that was sent before they were asked", async () => {
    const before = read("before");
    await turn();
    const [one, two] = [new Connection(), new Connection()];
    pool.give(one);
    const after = read("after");
    await turn();
    one.answer(0);
    expect(await before).toBe("before");
    pool.give(two);
    expect(two.statements[0]?.values).toEqual(["after"]);
    two.answer(0);
    expect(await after).toBe("after");
  });

  it("go on alone, each to its own answer, where their statement fails", async () => {
    const reads = Promise.all(["good", "bad"].map(read));
    await turn();
    const connection = new Connection();
    pool.give(connection);
    connection.statements[0]!.reply(refusal(1));
    await turn();
    const alone = [new Connection(), new Connection()];
    for (const one of alone) pool.give(one);
    expect(alone.map(({ statements: [one] }) => one!.values)).toEqual([["good"], ["bad"]]);
    alone[0]!.answer(0);
    alone[1]!.statements[0]!.reply(refusal(2));
    expect(await reads).toEqual(["good", "refused with 2"]);
  });

  it("go with a connection that others have done with, where the one that they asked for does not come", async () => {
    const reads = Promise.all(Array.from({ length: 12 }, (_, i) => read(`${i}`)));
    await turn();
    expect(pool.asked).toHaveLength(2);
    const connection = new Connection();
    pool.give(connection);
    const never = pool.asked.shift();
    connection.answer(0);
    pool.give(connection);
    connection.answer(1);
    expect(await reads).toEqual(Array.from({ length: 12 }, (_, i) => `${i}`));
    expect(never).toBeDefined();
    expect(connection.statements.map(({ sql }) => sql)).toEqual(["8", "4"]);
  });

  it("fail with what their own turn's connection failed with, and no other's", async () => {
    const first = read("first");
    await turn();
    const second = read("second");
    await turn();
    pool.refuse(refusal(3));
    expect(await first).toBe("refused with 3");
    const connection = new Connection();
    pool.give(connection);
    connection.answer(0);
    expect(await second).toBe("second");
  });

  it("end in time while no connection comes, and are not sent when one does", async () => {
    const reads = Promise.all(["a", "b"].map(read));
    await turn();
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    expect(await reads).toEqual([
      expect.stringContaining("within 1000 ms"),
      expect.stringContaining("within 1000 ms"),
    ]);
    const connection = new Connection();
    pool.give(connection);
    expect(connection).toMatchObject({ statements: [], isFree: true });
  });

  it("end each in its own time, and the connection is cut with the last of them", async () => {
    const ends: string[] = [];
    const early = read("early").then((end) => ends.push(`early ${end}`));
    await turn();
    await vi.advanceTimersByTimeAsync(400);
    const late = read("late").then((end) => ends.push(`late ${end}`));
    await turn();
    const connection = new Connection();
    pool.give(connection);
    expect(connection.statements[0]?.values).toEqual(["early", "late"]);
    await vi.advanceTimersByTimeAsync(600);
    await early;
    expect(ends).toEqual([expect.stringMatching(/^early .*within/)]);
    expect(connection.isCut).toBe(false);
    await vi.advanceTimersByTimeAsync(400);
    await late;
    expect(ends).toHaveLength(2);
    expect(connection.isCut).toBe(true);
  });

  it("get an answer that comes after another's time was over", async () => {
    const early = read("early");
    await turn();
    await vi.advanceTimersByTimeAsync(400);
    const late = read("late");
    await turn();
    const connection = new Connection();
    pool.give(connection);
    await vi.advanceTimersByTimeAsync(600);
    connection.answer(0);
    expect(await early).toContain("within 1000 ms");
    expect(await late).toBe("late");
    expect(connection).toMatchObject({ isFree: true, isCut: false });
  });
});
