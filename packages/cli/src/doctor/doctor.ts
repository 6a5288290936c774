import { isTokenStoreError, type TokenStoreErrorCode } from "@tokenkeep/core";
import { passwordsInUrl, redact } from "@tokenkeep/core/backend";
import { type Context, closing, type StoreFlags } from "../context.js";
import { CommandError, UsageError } from "../errors.js";
import { encryptionFrom } from "../keys.js";
import type { Output } from "../output.js";
import { type OpenStore, openStore, reach } from "../store-url.js";
import { escaped } from "../text.js";
import { FINDINGS, type Finding, type FindingName, finding } from "./findings.js";
import { checkRecords } from "./records.js";
import { checkServer } from "./servers.js";

/** The options of `doctor`. */
export interface DoctorFlags extends StoreFlags {
  readonly ignore?: readonly string[] | undefined;
}

/** The findings that say what the store itself says, by its code. */
const BY_CODE: Partial<Record<TokenStoreErrorCode, FindingName>> = {
  ERR_UNAVAILABLE: "unreachable",
  ERR_PERMISSION: "refused",
  ERR_SCHEMA: "schema",
  ERR_KEY: "key",
  ERR_CORRUPT: "corrupt",
};

/**
 * Checks a store and says what is wrong and what to do. Changes nothing.
 * @returns the exit status: 0 healthy or advice only, 1 something is wrong, 3 could not check
 */
export async function doctor(flags: DoctorFlags, { output, signal }: Context): Promise<number> {
  const ignored = flags.ignore ?? [];
  const unknown = ignored.filter((name) => !Object.hasOwn(FINDINGS, name));
  if (unknown.length > 0) throw new UsageError(`--ignore: there is no finding ${unknown.join(", ")}.`);
  const encryption = encryptionFrom(flags.keysFile, "TOKENKEEP_KEYS");
  const { store: url, namespace } = flags;
  const opened = await openStore({ url, namespace, encryption, open: "existing" });
  const { findings, isChecked } = await closing(opened.store, () => examine(opened, signal));
  const left = findings.filter(({ name }) => !ignored.includes(name));
  if (flags.json) await output.json({ store: opened.label, isChecked, findings: left });
  else await print(left, opened, output);
  if (!isChecked) return 3;
  return left.some(({ severity }) => severity !== "advice") ? 1 : 0;
}

async function examine(
  opened: OpenStore,
  signal: AbortSignal,
): Promise<{ findings: Finding[]; isChecked: boolean }> {
  const findings: Finding[] = [];
  let isReachable = true;
  try {
    await reach(opened);
    findings.push(...(await checkRecords(opened.store, signal)));
  } catch (error) {
    if (signal.aborted || !isTokenStoreError(error)) throw error;
    isReachable = error.code !== "ERR_UNAVAILABLE";
    findings.push(finding(BY_CODE[error.code] ?? "failed", error.message));
  }
  const isWell = findings.every(({ severity }) => severity !== "error");
  try {
    findings.push(...(await checkServer(opened)));
    isReachable = true;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const [reason] = redact(error, passwordsInUrl(opened.url)).message.split("\n");
    if (isWell) findings.push(finding("settings-unknown", `The server's settings can't be read: ${reason}`));
  }
  return { findings, isChecked: isReachable };
}

async function print(findings: readonly Finding[], { label }: OpenStore, output: Output): Promise<void> {
  const marks = {
    error: output.colors.red("error"),
    warning: output.colors.yellow("warning"),
    advice: "advice",
  };
  for (const { name, severity, what, advice } of findings) {
    await output.data(`${marks[severity]} ${name}: ${escaped(what)}\n  ${advice}`);
  }
  if (findings.length === 0) await output.data(`${label}: healthy.`);
}
