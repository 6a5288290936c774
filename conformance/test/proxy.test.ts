import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startProxy, type TcpProxy } from "@tokenkeep/conformance";
import { afterEach, beforeEach, expect, test } from "vitest";

let server: Server;
let asked: string[];
let proxy: TcpProxy;

beforeEach(async () => {
  asked = [];
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      asked.push(String(data));
      socket.write(`re: ${data}`);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await startProxy("127.0.0.1", () => (server.address() as AddressInfo).port);
});

afterEach(async () => {
  await proxy.close();
  server.close();
});

function open(): Socket {
  return connect(proxy.port, "127.0.0.1").on("error", () => {});
}

// `once` would take a reset, which is an error, for its own
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once("close", resolve));
}

/** The reply, or "cut" where the connection ended first. */
async function ask(socket: Socket, text: string): Promise<string> {
  const reply = new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
  socket.write(text);
  return Promise.race([reply, closed(socket).then(() => "cut")]);
}

test("what goes through it comes through, until every connection is cut", async () => {
  const [one, two] = [open(), open()];
  expect(await ask(one, "a")).toBe("re: a");
  expect(await ask(two, "b")).toBe("re: b");
  const cut = Promise.all([closed(one), closed(two)]);
  proxy.cut();
  await cut;
  expect(await ask(open(), "c")).toBe("re: c");
});

test("a reply is lost once, after the server was asked", async () => {
  const socket = open();
  expect(await ask(socket, "a")).toBe("re: a");
  proxy.loseReply();
  expect(await ask(socket, "b")).toBe("cut");
  expect(asked).toEqual(["a", "b"]);
  expect(await ask(open(), "c")).toBe("re: c");
});

test("a server that is gone takes no connection until it is back", async () => {
  const socket = open();
  expect(await ask(socket, "a")).toBe("re: a");
  const cut = closed(socket);
  proxy.stop();
  await cut;
  expect(await ask(open(), "b")).toBe("cut");
  proxy.start();
  expect(await ask(open(), "c")).toBe("re: c");
  expect(asked).toEqual(["a", "c"]);
});

test("a server that is frozen answers nobody until it thaws, and then everybody", async () => {
  const old = open();
  expect(await ask(old, "a")).toBe("re: a");
  proxy.freeze();
  const waiting = [ask(old, "b"), ask(open(), "c")];
  expect(await Promise.race([...waiting, sleep(200, "silence")])).toBe("silence");
  expect(asked).toEqual(["a"]);
  proxy.thaw();
  expect(await Promise.all(waiting)).toEqual(["re: b", "re: c"]);
});
