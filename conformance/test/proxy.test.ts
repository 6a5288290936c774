import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startProxy, type TcpProxy } from "@tokenkeep/conformance";
import { afterEach, beforeEach, expect, test } from "vitest";

let server: Server;
let asked: string[];
let proxy: TcpProxy;
let connected: Socket[];

beforeEach(async () => {
  asked = [];
  connected = [];
  server = createServer((socket) => {
    connected.push(socket);
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

/** The reply, or "cut" if the connection ends first. */
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

test("a reply is lost after the server was asked, and nothing gets through until it is restored", async () => {
  const socket = open();
  expect(await ask(socket, "a")).toBe("re: a");
  proxy.loseReply();
  expect(await ask(socket, "b")).toBe("cut");
  expect(await ask(open(), "c")).toBe("cut");
  proxy.restore();
  expect(await ask(open(), "d")).toBe("re: d");
  expect(asked).toEqual(["a", "b", "d"]);
});

test("the reply to lose can come after others", async () => {
  const socket = open();
  proxy.loseReply(2);
  expect(await ask(socket, "a")).toBe("re: a");
  expect(await ask(socket, "b")).toBe("re: b");
  expect(await ask(socket, "c")).toBe("cut");
  expect(asked).toEqual(["a", "b", "c"]);
});

test("a reply that is not lost before the proxy is restored gets through", async () => {
  const socket = open();
  proxy.loseReply(1);
  expect(await ask(socket, "a")).toBe("re: a");
  proxy.restore();
  expect(await ask(socket, "b")).toBe("re: b");
});

test("a message of the server that nobody asked for is not the reply to lose", async () => {
  const socket = open();
  expect(await ask(socket, "a")).toBe("re: a");
  proxy.loseReply();
  const message = new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));
  for (const one of connected) one.write("news");
  expect(await message).toBe("news");
  expect(await ask(socket, "b")).toBe("cut");
});

test("a server that is gone takes no connection until it is back", async () => {
  const socket = open();
  expect(await ask(socket, "a")).toBe("re: a");
  const cut = closed(socket);
  proxy.stop();
  await cut;
  expect(await ask(open(), "b")).toBe("cut");
  proxy.restore();
  expect(await ask(open(), "c")).toBe("re: c");
  expect(asked).toEqual(["a", "c"]);
});

test("a frozen server answers nobody until it is restored, and then everybody", async () => {
  const old = open();
  expect(await ask(old, "a")).toBe("re: a");
  proxy.freeze();
  const waiting = [ask(old, "b"), ask(open(), "c")];
  expect(await Promise.race([...waiting, sleep(200, "silence")])).toBe("silence");
  expect(asked).toEqual(["a"]);
  proxy.restore();
  expect(await Promise.all(waiting)).toEqual(["re: b", "re: c"]);
});

test("a muted server accepts connections that are never answered, and new ones are once it is restored", async () => {
  const old = open();
  expect(await ask(old, "a")).toBe("re: a");
  const cut = closed(old);
  proxy.mute();
  await cut;
  const silent = open();
  const answer = ask(silent, "b");
  expect(await Promise.race([answer, sleep(200, "silence")])).toBe("silence");
  proxy.restore();
  expect(await ask(open(), "c")).toBe("re: c");
  expect(await Promise.race([answer, sleep(200, "silence")])).toBe("silence");
  expect(asked).toEqual(["a", "c"]);
});

test("a connection is refused while the server has no port, and the process lives on", async () => {
  let port: number | undefined;
  const early = await startProxy("127.0.0.1", () => port as number);
  const ends = connect(early.port, "127.0.0.1").on("error", () => {});
  await closed(ends);
  port = (server.address() as AddressInfo).port;
  const socket = connect(early.port, "127.0.0.1").on("error", () => {});
  expect(await ask(socket, "a")).toBe("re: a");
  await early.close();
});
