import { isTokenStoreError } from "@tokenkeep/core";
import { type Context, closing, type StoreFlags } from "../context.js";
import { UsageError } from "../errors.js";
import { encryptionFrom } from "../keys.js";
import { openStore } from "../store-url.js";
import { escaped } from "../text.js";
import { type Finding, finding } from "./findings.js";
import { checkRecords } from "./records.js";
import { checkServer } from "./servers.js";

/** The options of `doctor`. */
export interface DoctorFlags extends StoreFlags {
  readonly ignore?: readonly string[] | undefined;
}

/** The findings that say what the store itself says, by its code. */
const BY_CODE: Readonly<Record<string, [name: string, advice: string]>> = {
  ERR_UNAVAILABLE: ["unreachable", "Check the address, the network and the server."],
  ERR_PERMISSION: [
    "refused",
    "Check user, password and privileges; the adapter's README lists what it needs.",
  ],
  ERR_SCHEMA: ["schema", "Check the URL and the namespace; run: tokenkeep migrate"],
  ERR_KEY: ["key", "Give the right keys in TOKENKEEP_KEYS or --keys-file."],
  ERR_CORRUPT: ["corrupt", "Restore a backup."],
};

/**
 * Checks a store and says what is wrong and what to do. Changes nothing.
 * @returns the exit status: 0 healthy or advice only, 1 something is wrong, 3 could not check
 */
export async function doctor(flags: DoctorFlags, { output, signal }: Context): Promise<number> {
  const encryption = encryptionFrom(flags.keysFile, "TOKENKEEP_KEYS");
  const opened = await openStore({
    url: flags.store,
    namespace: flags.namespace,
    encryption,
    open: "existing",
  });
  const findings: Finding[] = [];
  let isChecked = true;
  await closing(opened.store, async () => {
    try {
      findings.push(...(await checkRecords(opened.store, signal)));
    } catch (error) {
      if (signal.aborted) throw error;
      if (!isTokenStoreError(error)) throw error;
      const [name, advice] = BY_CODE[error.code] ?? ["failed", "See the message."];
      findings.push(finding(name, "error", error.message, advice));
      isChecked = error.code !== "ERR_UNAVAILABLE";
    }
    try {
      findings.push(...(await checkServer(opened)));
    } catch (error) {
      const isKnown = findings.some(({ severity }) => severity === "error");
      if (!isKnown)
        findings.push(
          finding(
            "settings-unknown",
            "advice",
            `The server's settings can't be read: ${messageOf(error)}`,
            "Give the user the right to read them.",
          ),
        );
    }
  });
  const ignored = new Set(flags.ignore ?? []);
  const left = findings.filter(({ name }) => !ignored.has(name));
  if (flags.json) await output.json({ store: opened.label, findings: left });
  else {
    for (const { name, severity, what, advice } of left) {
      const mark = {
        error: output.colors.red("error"),
        warning: output.colors.yellow("warning"),
        advice: "advice",
      }[severity];
      await output.data(`${mark} ${name}: ${escaped(what)}\n  ${escaped(advice)}`);
    }
    if (left.length === 0) await output.data(`${opened.label}: healthy.`);
  }
  if (!isChecked) return 3;
  return left.some(({ severity }) => severity !== "advice") ? 1 : 0;
}

function messageOf(error: unknown): string {
  if (error instanceof UsageError) throw error;
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
