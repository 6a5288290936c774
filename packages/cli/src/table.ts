import Table from "cli-table3";

/** Rows that decide the widths of the columns; later ones that are longer are cut. */
const FIRST_ROWS = 200;
const WIDEST = 60;

const NO_LINES = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: " ",
};

/** A table that is written as its rows come, in bounded memory: the first rows decide how wide the columns are. */
export class StreamedTable {
  readonly #head: readonly string[];
  readonly #write: (line: string) => Promise<void>;
  #rows: string[][] = [];
  #widths: number[] | undefined;

  /**
   * @param head the columns' names
   * @param write takes one line
   */
  constructor(head: readonly string[], write: (line: string) => Promise<void>) {
    this.#head = head;
    this.#write = write;
  }

  /** Adds a row. */
  async add(row: string[]): Promise<void> {
    this.#rows.push(row);
    if (this.#rows.length >= FIRST_ROWS) await this.#flush();
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    if (this.#rows.length > 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    const isFirst = this.#widths === undefined;
    const head = isFirst ? { head: [...this.#head] } : {};
    const style = { "padding-left": 0, "padding-right": 1, head: [], border: [] };
    const table = new Table({
      ...head,
      chars: NO_LINES,
      style,
      ...(this.#widths !== undefined && { colWidths: this.#widths }),
    });
    this.#widths ??= this.#head.map((name, column) => {
      const cells = [name, ...this.#rows.map((row) => row[column] ?? "")];
      // +1 for the padding. Colours count in a string's length, so the width is a little generous.
      return Math.min(Math.max(...cells.map((cell) => visibleLength(cell))), WIDEST) + 1;
    });
    if (isFirst) table.options.colWidths = this.#widths;
    table.push(...this.#rows);
    this.#rows = [];
    for (const line of table.toString().split("\n")) await this.#write(line.trimEnd());
  }
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of colours
  return text.replace(/\u001b\[\d+m/g, "").length;
}
