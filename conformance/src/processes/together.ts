import { Child, type ChildSource } from "./child.js";
import type { JobName, Jobs, OpenOptions } from "./protocol.js";

/** How long before a common start the jobs are handed out: enough for all of them to have arrived. */
const HEAD_START_MS = 60;

/** Who can be told to end the children when the case is over, whether it passed or not. */
export interface Owner extends ChildSource {
  onEnd(cleanup: () => Promise<void>): void;
}

/** Starts `count` children on the same space. They are ended with the case. */
export async function startChildren(
  owner: Owner,
  count: number,
  options: OpenOptions = {},
): Promise<Child[]> {
  // all have settled before the case can end, so that none is left behind where one can't start
  const starts = await Promise.allSettled(Array.from({ length: count }, () => startChild(owner, options)));
  return starts.map((start) => {
    if (start.status === "rejected") throw start.reason;
    return start.value;
  });
}

/** Starts one child on the space. It is ended with the case. */
export async function startChild(owner: Owner, options: OpenOptions = {}): Promise<Child> {
  const child = await Child.start(owner, options);
  owner.onEnd(() => child.end());
  return child;
}

/** Has each child do the job with arguments of its own, all beginning at the same moment. */
export function inStep<Name extends JobName>(
  children: readonly Child[],
  job: Name,
  args: (index: number) => Jobs[Name]["args"],
): Promise<Jobs[Name]["result"][]> {
  const startAt = Date.now() + HEAD_START_MS;
  return Promise.all(children.map((child, index) => child.run(job, args(index), startAt)));
}
