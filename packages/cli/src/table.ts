import stringWidth from "string-width";

/** Rows that decide the widths of the columns. Longer cells of later rows move the rest of their line to the right. */
const FIRST_ROWS = 200;
/** Longer cells are no reason for a wide column. */
const WIDEST = 60;

/** A table that is written as its rows come, in bounded memory: the first rows decide how wide the columns are. */
export class StreamedTable {
  readonly #head: readonly string[];
  readonly #write: (line: string) => Promise<void>;
  readonly #first: (readonly string[])[] = [];
  #widths: number[] | undefined;

  /**
   * @param head the columns' names
   * @param write takes one line
   */
  constructor(head: readonly string[], write: (line: string) => Promise<void>) {
    this.#head = head;
    this.#write = write;
  }

  /** Adds a row, and writes it once the widths are known. */
  async add(row: readonly string[]): Promise<void> {
    if (this.#widths !== undefined) return this.#write(this.#line(row, this.#widths));
    this.#first.push(row);
    if (this.#first.length === FIRST_ROWS) await this.#begin();
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    if (this.#widths === undefined && this.#first.length > 0) await this.#begin();
  }

  async #begin(): Promise<void> {
    const rows = [this.#head, ...this.#first];
    this.#widths = this.#head.map((_, column) => {
      const widths = rows.map((row) => widthOf(row[column]!)).filter((width) => width <= WIDEST);
      return Math.max(...widths);
    });
    for (const row of rows) await this.#write(this.#line(row, this.#widths));
  }

  #line(row: readonly string[], widths: readonly number[]): string {
    const cells = row.map((cell, column) => cell + " ".repeat(Math.max(widths[column]! - widthOf(cell), 0)));
    return cells.join("  ").trimEnd();
  }
}

/** How many columns of a terminal a text takes; most are plain, and quickly measured. */
function widthOf(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : stringWidth(text);
}
