import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A proxy in front of a server that does what networks do on a bad day. */
export async function startBadNetwork(host, port) {
  const sockets = new Set();
  let isDown = false;
  let isFrozen = false;
  let losesReply = false;

  const pass = (from, to, isReply) => {
    sockets.add(from);
    from.on("data", (data) => {
      if (isReply && losesReply) {
        losesReply = false;
        to.destroy();
      } else to.write(data);
    });
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.end();
    });
    if (isFrozen) from.pause();
  };
  const proxy = createServer((client) => {
    if (isDown) return client.destroy();
    const server = connect(port, host);
    pass(client, server, false);
    pass(server, client, true);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  proxy.unref(); // it keeps no process alive

  const forAll = (work) => {
    for (const socket of sockets) work(socket);
  };
  return {
    port: proxy.address().port,
    faults: {
      cut: () => forAll((socket) => socket.destroy()),
      loseReply: () => {
        losesReply = true;
      },
      stop: () => {
        isDown = true;
        forAll((socket) => socket.destroy());
      },
      start: () => {
        isDown = false;
      },
      freeze: () => {
        isFrozen = true;
        forAll((socket) => socket.pause());
      },
      thaw: () => {
        isFrozen = false;
        forAll((socket) => socket.resume());
      },
    },
  };
}
