import { Child, type ChildSource } from "./child.js";
import type { JobName, Jobs, OpenOptions } from "./protocol.js";

/** How long before the common start the jobs are sent, so that all of them arrive in time. */
const HEAD_START_MS = 60;

/** Ends the children when the case is over, whether it passed or not. */
export interface Owner extends ChildSource {
  onEnd(cleanup: () => Promise<void>): void;
}

/** Starts `count` children on the same space. They end with the case. */
export async function startChildren(
  owner: Owner,
  count: number,
  options: OpenOptions = {},
): Promise<Child[]> {
  // Waits for all of them even if one can't start, so that none is left behind.
  const starts = await Promise.allSettled(Array.from({ length: count }, () => startChild(owner, options)));
  return starts.map((start) => {
    if (start.status === "rejected") throw start.reason;
    return start.value;
  });
}

/** Starts one child on the space. It ends with the case. */
export async function startChild(owner: Owner, options: OpenOptions = {}): Promise<Child> {
  const child = await Child.start(owner, options);
  owner.onEnd(() => child.end());
  return child;
}

/** Runs a job in each child, with its own arguments, all beginning at the same moment. */
export function inStep<Name extends JobName>(
  children: readonly Child[],
  job: Name,
  args: (index: number) => Jobs[Name]["args"],
): Promise<Jobs[Name]["result"][]> {
  const startAt = Date.now() + HEAD_START_MS;
  return Promise.all(children.map((child, index) => child.run(job, args(index), startAt)));
}
