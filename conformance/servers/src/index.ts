export { describeOn, describeOnServer } from "./describe.js";
export { nameOtherDriver } from "./other-driver.js";
export {
  type Mount,
  type OwnContainer,
  type ServerName,
  ServerNotAvailable,
  startContainer,
  startServer,
  type TestServer,
} from "./servers.js";
