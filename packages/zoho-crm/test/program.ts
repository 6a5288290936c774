import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const SDKS = ["typescript", "nodejs"] as const;
export type SdkName = (typeof SDKS)[number];

/** What the program's user gives to the SDK's `OAuthToken`. */
export interface Login {
  clientId?: string;
  clientSecret?: string;
  grantToken?: string;
  refreshToken?: string;
  accessToken?: string;
  redirectUrl?: string;
  id?: string;
  user?: string;
  findUser?: boolean;
}

export interface Program {
  sdk: SdkName;
  url: string;
  /** The module of the store, and the path that it is given, if any. */
  store: string;
  path?: string;
  login?: Login;
  steps: readonly (readonly [step: string, argument?: unknown])[];
}

const FLOW = fileURLToPath(new URL("./flow.mjs", import.meta.url));

/** Runs steps of the SDK's in a process of their own. @returns what each step gave */
// biome-ignore lint/suspicious/noExplicitAny: what a step gives is known by who asked for it
export async function run(program: Program): Promise<any[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [FLOW, JSON.stringify(program)], {
    maxBuffer: 16 * 1024 * 1024,
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}
