import { setTimeout as sleep } from "node:timers/promises";
import type { Deadline } from "../deadline.js";
import { isTokenStoreError, type TokenStoreError, translateError } from "../errors.js";
import type { SqlConnection, SqlResult, SqlStatement } from "./dialect.js";
import type { SqlErrorRule } from "./error-rules.js";

/** The longest pause before a statement or a connection is tried again, in milliseconds. */
const MAX_PAUSE_MS = 100;
const NONE_FREE = "no connection of the pool became free in time";

/** A connection that was taken from a pool for one statement. */
export interface SqlSession {
  /**
   * Sends a statement, once.
   * @param statement what to send
   * @returns what the server answered
   */
  send(statement: SqlStatement): Promise<SqlResult>;
  /**
   * Gives the connection back. Called once.
   * @param isBroken whether to cut it at once, whatever it waits for, so that nobody else gets it
   */
  release(isBroken: boolean): void;
}

/** A pool of a driver's connections. */
export interface SqlPool {
  /**
   * Takes a connection from the pool.
   * @returns the connection
   */
  connect(): Promise<SqlSession>;
  /** What the errors of the driver and the server mean. One that no rule matches is taken for a lost connection. */
  readonly rules: readonly SqlErrorRule[];
  /**
   * What the rules compare.
   * @param error what the driver threw
   * @returns its code
   */
  codeOf(error: unknown): string;
  /** Ends the pool, if the store made it; a frozen server can't hold it up. */
  end(): Promise<void>;
}

/**
 * Statements over a pool, each within its deadline. A connection that can't be made is tried again until the
 * deadline, and so is a statement that certainly was not applied, or that may be applied twice.
 */
export class PooledConnection implements SqlConnection {
  readonly #name: string;
  readonly #pool: SqlPool;

  /**
   * Uses a pool; nothing is connected yet.
   * @param name the backend's name, for messages
   * @param pool where the connections come from
   */
  constructor(name: string, pool: SqlPool) {
    this.#name = name;
    this.#pool = pool;
  }

  async run(statement: SqlStatement, deadline: Deadline): Promise<SqlResult> {
    for (let attempt = 1; ; attempt++) {
      const session = await this.#connect(deadline);
      try {
        return await this.#send(session, statement, deadline);
      } catch (error) {
        const pause = pauseAfter(attempt);
        if (!this.#mayRepeat(error, statement) || pause >= deadline.remainingMs) throw error;
        await sleep(pause);
      }
    }
  }

  /**
   * Translates an error by the pool's rules.
   * @param error what the driver threw
   * @returns the error that the first matching rule describes; undefined where none matches
   */
  toStoreError(error: unknown): TokenStoreError | undefined {
    return translateError(this.#name, this.#pool.rules, this.#pool.codeOf(error));
  }

  async #connect(deadline: Deadline): Promise<SqlSession> {
    deadline.blockedBy(NONE_FREE);
    for (let attempt = 1; ; attempt++) {
      deadline.check();
      let isLate = false;
      try {
        const connecting = this.#pool.connect();
        connecting.then(
          (session) => isLate && session.release(false),
          () => {},
        );
        const session = await unlessOver(connecting, deadline, () => {
          isLate = true;
        });
        deadline.blockedBy(undefined);
        if (deadline.isOver) session.release(false);
        else return session;
      } catch (error) {
        // Wrong credentials, or a server without TLS: waiting changes nothing.
        if (isTokenStoreError(error) || this.toStoreError(error)?.retryable === false) throw error;
        deadline.blockedBy(error);
      }
      await sleep(pauseAfter(attempt));
    }
  }

  async #send(session: SqlSession, statement: SqlStatement, deadline: Deadline): Promise<SqlResult> {
    let isReleased = false;
    const release = (isBroken: boolean) => {
      if (!isReleased) session.release(isBroken);
      isReleased = true;
    };
    try {
      // The reply that a late connection still waits for must not reach whoever uses it next.
      const result = await unlessOver(session.send(statement), deadline, () => release(true));
      release(false);
      return result;
    } catch (error) {
      release(this.#isLost(error) || this.#ruleFor(error)?.retry === "elsewhere");
      throw error;
    }
  }

  #mayRepeat(error: unknown, { isRead, isRepeatable = isRead }: SqlStatement): boolean {
    if (isTokenStoreError(error)) return false;
    return this.#ruleFor(error)?.retry !== undefined || (isRepeatable && this.#isLost(error));
  }

  /** Whether the reply was lost, so that nobody knows what the server did. */
  #isLost(error: unknown): boolean {
    const rule = this.#ruleFor(error);
    return rule === undefined || rule.uncertain === true;
  }

  #ruleFor(error: unknown): SqlErrorRule | undefined {
    const code = this.#pool.codeOf(error);
    return this.#pool.rules.find(({ codes }) => codes.test(code));
  }
}

/** What `work` settles with, unless the deadline ends first. */
function unlessOver<T>(work: Promise<T>, deadline: Deadline, over: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = deadline.whenOver((error) => {
      over();
      reject(error);
    });
    work.then(resolve, reject).finally(forget);
  });
}

function pauseAfter(attempt: number): number {
  return Math.random() * Math.min(2 ** (attempt + 1), MAX_PAUSE_MS);
}
