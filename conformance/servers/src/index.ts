export { describeOn, describeOnServer } from "./describe.js";
export { type Mount, type ServerName, ServerNotAvailable, startServer, type TestServer } from "./servers.js";
