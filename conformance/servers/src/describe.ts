import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { isRequired, type ServerName, ServerNotAvailable, startServer, type TestServer } from "./servers.js";

/** Where a package reports what did not run; `pnpm test` prints it at the end. */
const REPORTS = "test-report";

/** {@link describeOn} a server that {@link startServer} starts. */
export function describeOnServer(
  name: ServerName,
  register: (server: TestServer) => void | Promise<void>,
): Promise<void> {
  return describeOn(name, () => startServer(name), register);
}

/**
 * A suite that needs a server. If the server can't be started, the suite is reported as NOT RUN, or fails if
 * `TOKENKEEP_REQUIRE` lists the server (or is `all`). Await it at the top level of a test file.
 *
 * @param name its name in reports, and in `TOKENKEEP_REQUIRE`
 * @param start starts the server, or rejects with `ServerNotAvailable`
 * @param register registers the tests once the server answers
 */
export async function describeOn<S extends TestServer>(
  name: string,
  start: () => Promise<S>,
  register: (server: S) => void | Promise<void>,
): Promise<void> {
  const report = join(REPORTS, `not-run-${name}.txt`);
  let server: S;
  try {
    server = await start();
    await rm(report, { force: true });
  } catch (error) {
    if (!(error instanceof ServerNotAvailable) || isRequired(name)) throw error;
    const { message } = error;
    await mkdir(REPORTS, { recursive: true });
    await writeFile(report, `${message}\n`);
    describe(`on ${name}`, () => {
      it(message, (context) => context.skip(message));
    });
    return;
  }
  describe(`on ${name}`, async () => {
    afterAll(() => server.stop());
    await register(server);
  });
}
