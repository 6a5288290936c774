import { describeOnServer, type TestServer } from "@tokenkeep/test-servers";
import { describeOnReplicaSet } from "./replica-set.js";

/** Registers the same tests for every server of MongoDB's protocol; those that can't be had are reported. */
export async function describeOnEach(register: (server: TestServer) => void | Promise<void>): Promise<void> {
  for (const name of ["ferretdb", "mongodb"] as const) await describeOnServer(name, register);
  await describeOnReplicaSet(register);
}

let count = 0;

/** A collection that nothing else uses. */
export function freshName(): string {
  return `test_${process.pid}_${Date.now()}_${count++}`;
}
