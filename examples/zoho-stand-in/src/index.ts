export type { Person } from "./accounts.js";
export { startZoho, type ZohoOptions, type ZohoStandIn } from "./server.js";
