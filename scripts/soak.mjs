// Proof under fire: `pnpm soak --minutes 10 --backend mysql [--processes 6] [--seed N]`. Several processes make random
// calls while their connections are disturbed, processes are killed and stopped, and the server is killed and
// restarted, or its master killed. Then the history of all calls is checked. docs/soak.md explains the report.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { hasProblems, runHistories, textOfHistories } from "../conformance/dist/index.js";
import { untilInterrupted } from "../conformance/dist/interrupt.js";
import { startCluster, startSentinels } from "../conformance/servers/dist/redis-topology.js";
import { startContainer, startServer } from "../conformance/servers/dist/servers.js";
import { failoversOf } from "./lib/failover.mjs";

/** With the flags under which an acknowledged write is on the disk. */
const DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
const startRedis = (image) => async () => {
  const container = await startContainer(image, image, (prepared) =>
    prepared.withExposedPorts(6379).withCommand(["redis-server", ...DURABLE]),
  );
  return { url: `redis://127.0.0.1:${container.getMappedPort(6379)}`, container };
};

/** Each backend's package, and its server: how to start it, its own port, and where its module reads the URL. */
const BACKENDS = {
  memory: { folder: "memory" },
  file: { folder: "file" },
  sqlite: { folder: "sqlite" },
  mysql: { folder: "mysql", start: () => startServer("mysql"), port: 3306, variable: "MYSQL_URL" },
  mariadb: { folder: "mysql", start: () => startServer("mariadb"), port: 3306, variable: "MYSQL_URL" },
  postgres: {
    folder: "postgres",
    start: () => startServer("postgres"),
    port: 5432,
    variable: "POSTGRES_URL",
  },
  redis: { folder: "redis", start: startRedis("redis:8"), port: 6379, variable: "REDIS_URL" },
  valkey: { folder: "redis", start: startRedis("valkey/valkey:9"), port: 6379, variable: "REDIS_URL" },
  ferretdb: { folder: "mongo", start: () => startServer("ferretdb"), port: 27017, variable: "MONGODB_URL" },
  // Several servers, which tell each other's addresses: there can be no proxy in front of them.
  "redis-cluster": {
    folder: "redis",
    start: () => startCluster("redis"),
    target: ({ nodes, natMap }) => ({ nodes, options: { natMap } }),
  },
  "redis-sentinel": {
    folder: "redis",
    start: () => startSentinels("redis"),
    target: ({ nodes, natMap }) => ({ sentinels: nodes, name: "tokens", natMap }),
  },
};

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: {
    minutes: { type: "string", default: "1" },
    backend: { type: "string" },
    processes: { type: "string", default: "6" },
    seed: { type: "string" },
    "wait-replicas": { type: "string" },
  },
});
const backend = BACKENDS[values.backend];
if (backend === undefined || !(Number(values.minutes) > 0)) {
  console.error(`Usage: pnpm soak --minutes N --backend ${Object.keys(BACKENDS).join("|")} [--processes N]`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "tokenkeep-soak-"));
const started = await backend.start?.();
let failovers;
try {
  const module = new URL(`../packages/${backend.folder}/test/store.mjs`, import.meta.url).href;
  const server = started && backend.port && serverOf(started, backend);
  const waitReplicas = values["wait-replicas"];
  const options = waitReplicas === undefined ? {} : { waitReplicas: Number(waitReplicas) };
  process.env.TOKENKEEP_SOAK = JSON.stringify({ module, server, options });
  if (backend.target !== undefined) {
    process.env.TOKENKEEP_REDIS_TEST = JSON.stringify(backend.target(started));
    failovers = failoversOf(started);
    disruptWith({ failover: failovers.failover });
  }
  const report = await runHistories(new URL("lib/soak-store.mjs", import.meta.url), {
    durationMs: Number(values.minutes) * 60_000,
    signal: untilInterrupted(),
    processes: Number(values.processes),
    seed: values.seed === undefined ? undefined : Number(values.seed),
    onProgress: ({ madeForMs }) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${Math.round(madeForMs / 1000)} s`);
    },
  });
  const name =
    waitReplicas === undefined ? values.backend : `${values.backend}, waitReplicas ${waitReplicas}`;
  console.log(textOfHistories({ ...report, store: name }));
  const unasked = (await failovers?.unasked()) ?? 0;
  if (unasked > 0) {
    console.log(
      `\nThe servers began failovers by themselves: ${unasked}. They may be what an anomaly comes from.`,
    );
  } else if (hasProblems(report)) process.exitCode = 1;
} finally {
  await started?.container.stop();
  rmSync(folder, { recursive: true });
}

/** What the module has to know of a server, which is killed and restarted from here. */
function serverOf({ url, container }, { port, variable }) {
  const docker = (...args) => execFileSync("docker", args, { encoding: "utf8" });
  const id = container.getId();
  const portFile = join(folder, "port");
  const writePort = () => {
    // "0.0.0.0:49153\n[::]:49153"
    const [, mapped] = /:(\d+)$/m.exec(docker("port", id, `${port}/tcp`));
    writeFileSync(portFile, mapped);
  };
  writePort();
  disruptWith({
    async restart() {
      docker("kill", id);
      await sleep(500);
      docker("start", id);
      writePort();
      await untilItAnswers();
    },
  });
  return { url, portFile, variable };
}

/** Means that the module has in this process alone. */
function disruptWith(means) {
  globalThis[Symbol.for("tokenkeep.soak.disruptions")] = means;
}

/** A store of this process works again: until then, the disruption goes on. */
async function untilItAnswers() {
  const { default: module } = await import("./lib/soak-store.mjs");
  const space = { id: `tk_soak_${process.pid}`, directory: folder };
  for (const end = Date.now() + 120_000; ; await sleep(200)) {
    const store = await module.open(space, { timeoutMs: 2000 });
    try {
      await store.findTokenById("nobody");
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    } finally {
      await store.close().catch(() => {});
    }
  }
}
