import { execFile } from "node:child_process";
import { fchmodSync, fchownSync, fstatSync, type Stats, statSync } from "node:fs";
import { promisify } from "node:util";
import { LogError } from "./errors.js";

const run = promisify(execFile);
const OTHERS = 0o077;

/**
 * @throws LogError `access` where others than the owner may read or write the file, `not-a-file` where it is none
 */
export function checkAccess(path: string, allowOthers: boolean): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isFile()) {
    throw new LogError(
      "not-a-file",
      `${path} is not a regular file (but a directory, a device, …). Choose another path.`,
    );
  }
  if (allowOthers || process.platform === "win32" || (stat.mode & OTHERS) === 0) return;
  throw new LogError(
    "access",
    `${path} can be read or written by others (mode ${(stat.mode & 0o777).toString(8)}). ` +
      "Run chmod 600 on it, or pass allowOthers: true.",
  );
}

/** A new file that is to have the access of another one. */
export interface NewFile {
  readonly path: string;
  readonly fd: number;
}

/**
 * Gives a new file (0600) the owner, group and mode of another one, unless that could give anybody more access.
 *
 * With an access control list, the group's bits of the mode are the mask of the whole list: copied to a file without
 * the list they would give the group what only the mask allows. Node can't read lists, but `ls` shows whether
 * there is one. Where others have no access, a list gives none either.
 * @returns what is in the way, after "it"; or undefined
 */
export async function copyAccess(
  path: string,
  { uid, gid, mode }: Stats,
  to: NewFile,
): Promise<string | undefined> {
  const own = fstatSync(to.fd);
  if (own.uid !== uid || own.gid !== gid) fchownSync(to.fd, uid, gid);
  if (process.platform === "win32" || (mode & OTHERS) === 0) {
    if ((own.mode & 0o777) !== (mode & 0o777)) fchmodSync(to.fd, mode & 0o777);
    return undefined;
  }
  // A new file may inherit a list from its directory.
  const problem = await accessListProblem([path, to.path]);
  if (problem === undefined) fchmodSync(to.fd, mode & 0o777);
  return problem;
}

async function accessListProblem(paths: readonly string[]): Promise<string | undefined> {
  try {
    // BusyBox has an ls that doesn't show lists.
    if (process.platform === "linux" && !/coreutils/.test((await run("ls", ["--version"])).stdout)) {
      return "may have an access control list, which this system's ls does not show: install coreutils, or use mode 600";
    }
    const { stdout } = await run("ls", ["-ldq", ...paths]);
    const lines = stdout.split("\n").filter((line) => line !== "");
    if (lines.length === paths.length && !lines.some((line) => line[10] === "+")) return undefined;
    return "or its directory has an access control list";
  } catch {
    return "may have an access control list, but ls, which would show that, can't be run: use mode 600";
  }
}
