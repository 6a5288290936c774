export { describeOnServer } from "./describe.js";
export { type ServerName, ServerNotAvailable, startServer, type TestServer } from "./servers.js";
