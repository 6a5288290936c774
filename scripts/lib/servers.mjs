// The servers that the repository's own tests run on, for programs that are not tests.
import { isRequired, ServerNotAvailable, startServer } from "../../conformance/servers/dist/servers.js";
import { backends } from "./workspace.mjs";

/** The server that a package is tried on, by the package's name; the other packages need none. */
export const SERVER_OF = Object.fromEntries(
  backends().flatMap(({ name, servers }) => (servers === undefined ? [] : [[name, servers[0]]])),
);

/**
 * Runs the work on a server, and stops it.
 * @returns what the work returned; if the server is not available, the sentence that says so: "… was NOT RUN: …"
 * @throws if the server is not available and `TOKENKEEP_REQUIRE` names it
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
