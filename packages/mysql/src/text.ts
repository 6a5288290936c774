import type { Connections } from "./connections.js";

/** Takes hexadecimal digits for text: they survive whatever charset a connection has. */
export const FROM_HEX = "CONVERT(UNHEX(?) USING utf8mb4)";

export function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}

/** How text gets to the server and back over a pool's connections. */
export interface TextWay {
  /** What stands for a text in a statement. */
  readonly placeholder: string;
  /** The value for that placeholder. */
  readonly encode: (text: string) => string;
  /** What is selected of a column of text. */
  readonly select: (column: string) => string;
}

/** As it is: for connections in utf8mb4, as mysql2's are unless told otherwise. */
export const PLAIN: TextWay = {
  placeholder: "?",
  encode: (text) => text,
  select: (column) => column,
};

/** As digits and as bytes: for the connections of a pool with another charset. Costs a little more. */
export const HEXED: TextWay = {
  placeholder: FROM_HEX,
  encode: hex,
  select: (column) => `CAST(${column} AS BINARY)`,
};

const PROBE = "é😀";
const PROBE_SQL = `SELECT HEX(?), CONVERT(UNHEX('${hex(PROBE)}') USING utf8mb4)`;

/** Tries it: a pool's settings, what was set on its connections, and the server all have a say in this. */
export async function textWayOver(connections: Connections): Promise<TextWay> {
  const [row = []] = (await connections.run(PROBE_SQL, [PROBE])).rows;
  const [sent, received] = row;
  return String(sent).toLowerCase() === hex(PROBE) && received === PROBE ? PLAIN : HEXED;
}
