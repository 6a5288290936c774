// A registry on this machine, for the dry run of a release: packages of this repository are its own, all
// others come from the registry that npm is configured with.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root, run } from "./workspace.mjs";

/**
 * Starts it on a free port of the loopback interface.
 * @param {string} folder an empty one, which takes its storage and its configuration
 * @returns {Promise<{ url: string, environment: Record<string, string>, stop: () => Promise<void> }>}
 *   `environment` makes npm and pnpm use this registry, with the right to publish
 */
export async function startRegistry(folder) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const upstream = await npmConfig("registry", folder);
  const ca = await npmConfig("cafile", folder);
  const config = join(folder, "registry.yaml"); // JSON is YAML too
  await writeFile(config, JSON.stringify(configuration(folder, upstream)));

  const output = [];
  const server = spawn(process.execPath, [program(), "--config", config, "--listen", `127.0.0.1:${port}`], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    // the registry trusts whom npm trusts
    env: { ...process.env, ...(ca !== "null" && ca !== "" && { NODE_EXTRA_CA_CERTS: ca }) },
  });
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk) => output.push(chunk));
  const stop = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill();
    await once(server, "exit");
  };
  try {
    await untilItAnswers(`${url}-/ping`, server, output);
    const userconfig = join(folder, "publisher.npmrc");
    await writeFile(
      userconfig,
      `//127.0.0.1:${port}/:_authToken=${await publisherToken(url)}\nregistry=${url}\n`,
    );
    return { url, environment: { npm_config_registry: url, npm_config_userconfig: userconfig }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function npmConfig(key, cwd) {
  return (await run("npm", ["config", "get", key], { cwd })).trim();
}

function configuration(folder, upstream) {
  return {
    storage: join(folder, "storage"),
    auth: { htpasswd: { file: join(folder, "htpasswd"), max_users: 1 } },
    uplinks: { upstream: { url: upstream, maxage: "1h" } },
    packages: {
      // Never from elsewhere.
      "@tokenkeep/*": { access: "$all", publish: "$authenticated" },
      tokenkeep: { access: "$all", publish: "$authenticated" },
      "**": { access: "$all", proxy: "upstream" },
    },
    log: { type: "stdout", format: "pretty", level: "warn" },
  };
}

function program() {
  const manifest = createRequire(join(root, "package.json")).resolve("verdaccio/package.json");
  return join(dirname(manifest), "bin/verdaccio");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function untilItAnswers(url, server, output) {
  for (let left = 150; left > 0; left--) {
    if (server.exitCode !== null) break;
    if ((await fetch(url).catch(() => undefined))?.ok) return;
    await sleep(200);
  }
  throw new Error(`The local registry did not start:\n${output.join("")}`);
}

/** Makes the one user, as `npm login` would, and gives its token. */
async function publisherToken(url) {
  const response = await fetch(`${url}-/user/org.couchdb.user:publisher`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "publisher", password: crypto.randomUUID() }),
  });
  const { token } = await response.json();
  if (token === undefined) throw new Error(`The local registry let nobody publish (${response.status}).`);
  return token;
}
