// A backend without a server has no connection to disturb, so its requests go through a simulated one.
import { setTimeout as sleep } from "node:timers/promises";

const METHODS = ["open", "read", "insert", "replace", "remove", "clear", "scan"];
const LEASE_METHODS = ["acquire", "renew", "release"];
/** What may be sent again after its reply was lost. */
const REPEATABLE = ["open", "read", "scan", "acquire", "renew"];

/** The means of one module: the state of the network between its stores and their backend. */
export class Disruptions {
  /** @type {"pass" | "stopped" | "frozen" | "muted"} */
  state = "pass";
  /** How many replies get through before one is lost; undefined: none is lost. */
  repliesLeft = undefined;
  /** Connections made before this many cuts are gone. */
  cuts = 0;
  /** Whether anything was ever disturbed: until then, requests are not slowed down. */
  wasUsed = false;

  cut = () => {
    this.wasUsed = true;
    this.cuts++;
  };
  loseReply = (skip = 0) => {
    this.wasUsed = true;
    this.repliesLeft = skip;
  };
  stop = () => {
    this.cut();
    this.state = "stopped";
  };
  freeze = () => {
    this.wasUsed = true;
    this.state = "frozen";
  };
  mute = () => {
    this.cut();
    this.state = "muted";
  };
  restore = () => {
    this.state = "pass";
    this.repliesLeft = undefined;
  };

  /** @returns whether this reply is the one to lose */
  losesReply() {
    return this.repliesLeft !== undefined && this.repliesLeft-- === 0;
  }
}

class ConnectionLost extends Error {}

/** The connection of one store, as a driver would have it: it connects again when it has to. */
export class Connection {
  constructor(disruptions) {
    this.disruptions = disruptions;
  }

  /** Sends every request of this backend through the connection. */
  connect(backend) {
    this.wrap(backend, METHODS);
    this.wrap(backend.leases, LEASE_METHODS);
  }

  wrap(object, methods) {
    for (const method of methods) {
      const original = object[method].bind(object);
      object[method] = (...args) => {
        if (!this.disruptions.wasUsed) return original(...args);
        return this.request(() => original(...args), REPEATABLE.includes(method), args.at(-1));
      };
    }
  }

  /** @param deadline the call's, the last argument of every method but `close` */
  async request(send, isRepeatable, deadline) {
    for (;;) {
      await this.whenConnected(deadline);
      try {
        return await this.roundTrip(send);
      } catch (error) {
        if (!isRepeatable || !(error instanceof ConnectionLost)) throw error;
      }
    }
  }

  async whenConnected(deadline) {
    while (this.disruptions.state === "stopped" || this.disruptions.state === "muted") {
      deadline.blockedBy(new Error("connection refused"));
      await sleep(10);
      deadline.check();
    }
    deadline.check();
    deadline.blockedBy(undefined);
  }

  async roundTrip(send) {
    const { disruptions } = this;
    const { cuts } = disruptions;
    // A frozen server executes what it has received once it is back.
    while (disruptions.state === "frozen") await sleep(10);
    await sleep(1);
    if (disruptions.cuts !== cuts) throw new ConnectionLost("connection lost before the request arrived");
    const result = await send();
    if (disruptions.losesReply()) {
      disruptions.stop();
      throw new ConnectionLost("connection lost");
    }
    await sleep(1);
    if (disruptions.cuts !== cuts) throw new ConnectionLost("connection lost");
    return result;
  }
}
