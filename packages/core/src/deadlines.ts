/** Something that is given up at some time. */
export interface Deadline {
  /** It is not given up any more. May be called twice, or afterwards. */
  cancel(): void;
}

/**
 * Gives up what takes too long, with one timer for all of it: where a backend answers in some microseconds, a timer
 * for each call would be a good part of its cost. For a backend that has time limits of its own.
 */
export class Deadlines {
  /**
   * A ring of those that are waited for. Not a Map or a Set: V8 grows those anew where entries come and go, and
   * keeps what was in the old ones alive until its next full collection.
   */
  readonly #ring: Waiting = new Waiting(Number.POSITIVE_INFINITY, nothing, nothing);
  /** The timer stays for the next one, but a process that is done need not wait for it. */
  readonly #left = () => {
    if (this.#ring.isAlone) this.#timer?.unref();
  };
  #timer: NodeJS.Timeout | undefined;
  /** When the timer goes off: at the first end or before, where that one was cancelled meanwhile. */
  #timerEnd = Number.POSITIVE_INFINITY;

  /**
   * Keeps the process alive until then.
   * @param end when to give up, in milliseconds by `performance.now()`
   * @param giveUp called once when that time has come, unless it is cancelled before; must not throw
   * @returns what cancels it
   */
  set(end: number, giveUp: () => void): Deadline {
    if (this.#ring.isAlone) this.#timer?.ref();
    const waiting = new Waiting(end, giveUp, this.#left);
    waiting.enter(this.#ring);
    if (end < this.#timerEnd) this.#setTimer(end);
    return waiting;
  }

  #setTimer(end: number): void {
    clearTimeout(this.#timer);
    this.#timerEnd = end;
    this.#timer = setTimeout(() => this.#giveUp(), Math.max(0, Math.ceil(end - performance.now())));
  }

  #giveUp(): void {
    this.#timer = undefined;
    this.#timerEnd = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let earliest = Number.POSITIVE_INFINITY;
    // all of them first: to give one up may cancel others, or set new ones
    const over: Waiting[] = [];
    for (let waiting = this.#ring.next; waiting !== this.#ring; waiting = waiting.next) {
      if (waiting.end > now) earliest = Math.min(earliest, waiting.end);
      else over.push(waiting);
    }
    for (const waiting of over) {
      if (waiting.isAlone) continue; // cancelled
      waiting.cancel();
      waiting.giveUp();
    }
    if (earliest < this.#timerEnd) this.#setTimer(earliest);
  }
}

function nothing(): void {}

/** One of a ring. */
class Waiting implements Deadline {
  readonly end: number;
  readonly giveUp: () => void;
  readonly #left: () => void;
  next: Waiting = this;
  #previous: Waiting = this;

  constructor(end: number, giveUp: () => void, left: () => void) {
    this.end = end;
    this.giveUp = giveUp;
    this.#left = left;
  }

  /** In no ring; or nobody is in its ring. */
  get isAlone(): boolean {
    return this.next === this;
  }

  enter(ring: Waiting): void {
    this.next = ring;
    this.#previous = ring.#previous;
    this.#previous.next = this;
    ring.#previous = this;
  }

  cancel(): void {
    this.#previous.next = this.next;
    this.next.#previous = this.#previous;
    this.next = this;
    this.#previous = this;
    this.#left();
  }
}
