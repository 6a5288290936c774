// The kit's module of a soak: a backend's own module, whose stores reach a single server through a proxy of their process.
// The server's port may be another one after a restart, and is in a file.
import { readFileSync } from "node:fs";
import { startProxy } from "../../conformance/dist/index.js";

const { module, server, options } = JSON.parse(process.env.TOKENKEEP_SOAK);
// Of the process that runs the soak alone.
let disruptions = globalThis[Symbol.for("tokenkeep.soak.disruptions")];
if (server !== undefined) {
  const { hostname } = new URL(server.url);
  const proxy = await startProxy(hostname, () => Number(readFileSync(server.portFile, "utf8")));
  process.env[server.variable] = Object.assign(new URL(server.url), {
    hostname: "127.0.0.1",
    port: String(proxy.port),
  }).href;
  disruptions = { ...proxy, ...disruptions };
}
const { default: store } = await import(module);

export default {
  ...store,
  open: (space, given) => store.open(space, { ...given, ...options }),
  ...(disruptions !== undefined && { disruptions }),
};
