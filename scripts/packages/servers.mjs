// The servers that the repository's own tests run on, for programs that are no tests.
import { isRequired, ServerNotAvailable, startServer } from "../../conformance/servers/dist/servers.js";

/** The server that a package is tried on here; the other packages need none. */
export const SERVER_OF = {
  "@tokenkeep/redis": "redis",
  "@tokenkeep/mysql": "mysql",
  "@tokenkeep/mongo": "ferretdb",
};

/**
 * Runs the work on a server, and stops it.
 * @returns what the work gave; where the server can't be had, the sentence that says so: "… was NOT RUN: …"
 * @throws where the server can't be had, and `TOKENKEEP_REQUIRE` wants it
 */
export async function onServer(name, work) {
  let server;
  try {
    server = await startServer(name);
  } catch (error) {
    if (!(error instanceof ServerNotAvailable) || isRequired(name)) throw error;
    return error.message;
  }
  try {
    return await work(server.url);
  } finally {
    await server.stop();
  }
}
