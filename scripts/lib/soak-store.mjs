// The kit's module of a soak: a backend's own module, whose stores reach the server through a proxy of their process.
// Its port may be another one after a restart, and is in a file.
import { readFileSync } from "node:fs";
import { startProxy } from "../../conformance/dist/index.js";

const { module, server } = JSON.parse(process.env.TOKENKEEP_SOAK);
let disruptions;
if (server !== undefined) {
  const { hostname } = new URL(server.url);
  const proxy = await startProxy(hostname, () => Number(readFileSync(server.portFile, "utf8")));
  process.env[server.variable] = Object.assign(new URL(server.url), {
    hostname: "127.0.0.1",
    port: String(proxy.port),
  }).href;
  // Of the process that runs the soak alone.
  const restart = globalThis[Symbol.for("tokenkeep.soak.restart")];
  disruptions = { ...proxy, ...(restart !== undefined && { restart }) };
}
const { default: store } = await import(module);

export default { ...store, ...(disruptions !== undefined && { disruptions }) };
