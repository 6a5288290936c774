import { BoundedMap } from "./bounded-map.js";
import { opaqueKey } from "./opaque-key.js";

/** How many users, and how long their names are. */
const MOST_USERS = 1000;
const MOST_CHARACTERS = 256;

const users = new BoundedMap<UserKeys>(MOST_USERS);

/** The keys of a user: a program asks for the same few again and again, and each is a digest. */
export class UserKeys {
  readonly #name: string;
  #user: string | undefined;
  #withoutClient: string | undefined;
  /** Of the client that was asked for last: most programs have one. */
  #clientId: string | undefined;
  #withClient: string | undefined;

  private constructor(name: string) {
    this.#name = name;
  }

  static of(name: string): UserKeys {
    if (name.length > MOST_CHARACTERS) return new UserKeys(name);
    let keys = users.get(name);
    if (keys === undefined) {
      keys = new UserKeys(name);
      users.set(name, keys);
    }
    return keys;
  }

  /** The user alone. */
  get user(): string {
    this.#user ??= opaqueKey("user", this.#name);
    return this.#user;
  }

  /** The user together with a client, or with none. */
  userClient(clientId: string | null): string {
    if (clientId === null) {
      this.#withoutClient ??= opaqueKey("userClient", this.#name, null);
      return this.#withoutClient;
    }
    if (clientId !== this.#clientId || this.#withClient === undefined) {
      this.#clientId = clientId;
      this.#withClient = opaqueKey("userClient", this.#name, clientId);
    }
    return this.#withClient;
  }
}
