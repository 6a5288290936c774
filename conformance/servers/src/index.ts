export { describeOnServer } from "./describe.js";
export { type Proxy, startProxy } from "./proxy.js";
export { type ServerName, ServerNotAvailable, startServer, type TestServer } from "./servers.js";
