export { describeOn, describeOnServer } from "./describe.js";
export { startProxy, type TcpProxy } from "./proxy.js";
export { type Mount, type ServerName, ServerNotAvailable, startServer, type TestServer } from "./servers.js";
