/**
 * Ends what takes too long, with one timer for all of it: a timer for each statement would be a good part of
 * what a fast one costs. It keeps no process alive; what is waited for does.
 */
export class Deadlines {
  readonly #first = new Deadline(Number.POSITIVE_INFINITY, () => {});
  #timer: NodeJS.Timeout | undefined;
  #timerEnd = Number.POSITIVE_INFINITY;

  /** Calls `giveUp` at that time by `performance.now()`, unless it is told to {@link Deadline.cancel} before. */
  set(end: number, giveUp: () => void): Deadline {
    const deadline = new Deadline(end, giveUp);
    deadline.enter(this.#first);
    if (end < this.#timerEnd) this.#wake(end);
    return deadline;
  }

  // goes off at the first end or before, where that one was cancelled meanwhile
  #wake(end: number): void {
    clearTimeout(this.#timer);
    this.#timerEnd = end;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, Math.ceil(end - performance.now())));
    this.#timer.unref();
  }

  #look(): void {
    const now = performance.now();
    this.#timerEnd = Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    // all of them first: to give one up may cancel others, or set new ones
    const over: Deadline[] = [];
    for (let deadline = this.#first.next; deadline !== this.#first; deadline = deadline.next) {
      if (deadline.end > now) earliest = Math.min(earliest, deadline.end);
      else over.push(deadline);
    }
    for (const deadline of over) {
      if (deadline.isCancelled) continue;
      deadline.cancel();
      deadline.giveUp();
    }
    if (earliest < this.#timerEnd) this.#wake(earliest);
  }
}

/** One of a ring of them: entering and leaving it allocates nothing, as a Set would from time to time. */
export class Deadline {
  readonly end: number;
  readonly giveUp: () => void;
  next: Deadline = this;
  #previous: Deadline = this;

  constructor(end: number, giveUp: () => void) {
    this.end = end;
    this.giveUp = giveUp;
  }

  get isCancelled(): boolean {
    return this.next === this;
  }

  enter(ring: Deadline): void {
    this.next = ring;
    this.#previous = ring.#previous;
    this.#previous.next = this;
    ring.#previous = this;
  }

  /** May be called twice. */
  cancel(): void {
    this.#previous.next = this.next;
    this.next.#previous = this.#previous;
    this.next = this;
    this.#previous = this;
  }
}
