export { describeOn, describeOnServer } from "./describe.js";
export { nameOtherDriver } from "./other-driver.js";
export {
  KINDS,
  type RedisKind,
  startBare,
  startCluster,
  startSentinels,
  type Topology,
} from "./redis-topology.js";
export {
  type Mount,
  type OwnContainer,
  type ServerName,
  ServerNotAvailable,
  startContainer,
  startServer,
  type TestServer,
} from "./servers.js";
