import { once } from "node:events";
import pc from "picocolors";

/** Progress is shown after so many records, and after so many milliseconds. */
const EVERY = 500;
const PROGRESS_MS = 200;

/** Where a command writes: data to stdout, everything else to stderr. */
export class Output {
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  /** Whether data goes to a terminal. */
  readonly isTerminal: boolean;
  /** Whether people read the progress. */
  readonly showsProgress: boolean;
  readonly colors: ReturnType<typeof pc.createColors>;
  #hasProgress = false;
  #shownAt = 0;

  constructor(stdout: NodeJS.WriteStream = process.stdout, stderr: NodeJS.WriteStream = process.stderr) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.isTerminal = stdout.isTTY === true;
    this.showsProgress = stderr.isTTY === true;
    this.colors = pc.createColors(this.isTerminal && pc.isColorSupported);
  }

  /** Writes a line of data, and waits where the reader is slower. */
  async data(line: string): Promise<void> {
    await this.text(`${line}\n`);
  }

  /** Writes text as it is. */
  async text(text: string): Promise<void> {
    if (!this.#stdout.write(text)) await once(this.#stdout, "drain");
  }

  /** Writes an object of data as one line of JSON. */
  json(value: unknown): Promise<void> {
    return this.data(JSON.stringify(value));
  }

  /** Says something to a person. */
  say(text: string): void {
    this.#clearProgress();
    this.#stderr.write(`${text}\n`);
  }

  /** Shows how far a long job is, on a terminal only. */
  progress(text: string): void {
    if (!this.showsProgress) return;
    this.#stderr.write(`\r\u001b[K${text}`);
    this.#hasProgress = true;
    this.#shownAt = performance.now();
  }

  /** {@link progress} of a job that calls this after every record or so: not at each, but soon also where it is slow. */
  progressAt(count: number, text: () => string): void {
    if (count % EVERY === 0 || performance.now() - this.#shownAt > PROGRESS_MS) this.progress(text());
  }

  #clearProgress(): void {
    if (this.#hasProgress) this.#stderr.write("\r\u001b[K");
    this.#hasProgress = false;
  }

  /** Ends the line of progress. */
  end(): void {
    this.#clearProgress();
  }
}
