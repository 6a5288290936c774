/** What the paragraphs of the contract say, shortened, for failure messages. */
export const CONTRACT: Readonly<Record<string, string>> = {
  "1.1": "Every property may be absent; absent reads as null, never undefined or an empty string.",
  "1.2": "A token is immutable: input is never changed, and what a store returns is the caller's own copy.",
  "1.3": "No log, inspection, template literal or JSON of a token, an error or a store shows a secret.",
  "1.4": "Any well-formed string up to 64 KiB (an id: 255 bytes) round-trips in any property, byte for byte.",
  "1.5":
    "Bad input is ERR_INVALID_TOKEN before anything is touched; the message names the property, never its value.",
  "2.1": "findToken takes any subset of the properties and returns the one matching record, whole, or null.",
  "2.2": "id given: it alone decides, and no record with that id is null.",
  "2.3": "The first lookup that hits a compatible record decides: user name, grant, refresh, access token.",
  "2.4": "Never one user's token for another user, nor one OAuth client's for another's.",
  "2.5":
    "Of a user's records: the query's client first, then the one without a client; without a client in the query, the one saved last.",
  "2.6": "A query with no id, user name or token is null, never any record.",
  "2.7": "Comparison is exact, by code point: case, accents, normal forms and trailing spaces all count.",
  "2.8": "Expired records are found like any other.",
  "2.9":
    "findTokenById gives the record or null; getTokens every record, oldest first; tokens() the same, each exactly once whatever is saved or deleted meanwhile.",
  "3.1": "A match (id first, then 2.3 to 2.5) is updated, otherwise a record is inserted; resolves with it.",
  "3.2":
    "An update merges: given properties replace, the rest stays; a new access token without expiresAt leaves it null; the id stays.",
  "3.3": "An insert needs a grant, refresh or access token; a given id is kept, else the store makes one.",
  "3.4":
    "An id, a user with its client, a grant, a refresh and an access token each belong to one record at most; otherwise ERR_CONFLICT, nothing changed, naming the property and the record that has it.",
  "3.5": "Concurrent saves of one token all succeed and leave one record, revision n, never half of one.",
  "3.6":
    "ifRevision: n updates only a record at revision n, else ERR_CONFLICT, nothing changed; 0 inserts only.",
  "4.1": "deleteToken removes that record alone and all that led to it; a missing id is no error.",
  "4.2": "deleteTokens removes every record of this store in one step, and nothing else.",
  "5.1": "A client that was passed in is never closed by the store; one that the store made always is.",
  "5.2":
    "The first use sets the schema up, once, also by many processes at the same moment; a newer schema is refused untouched.",
  "5.3": "namespace, any string of up to 255 characters, separates stores in one database.",
  "5.4":
    "close may be called twice; it waits for what is under way; later calls are ERR_STORE_CLOSED; nothing keeps the process alive.",
  "5.5":
    "A durable store has every record after it was closed and opened again, or killed, up to the last save that resolved.",
  "6.1":
    "withLock runs work while no other holder of the key runs, returns its result, and releases however it ends.",
  "6.2": "A holder that dies frees the lock within the lease time; a living holder's lease is renewed.",
  "6.3":
    "A holder that lost its lease knows: lease.signal aborts, withLock rejects with ERR_LOCK_LOST; the fence grows.",
  "6.4":
    "Not getting it within timeoutMs is ERR_LOCK_TIMEOUT; an aborted wait rejects with the signal's reason.",
  "6.5": "Waiters get it soon after it is free; none starves; a save is not held up by a lock.",
  "7.1":
    "Every rejection is a TokenStoreError by name and code, with retryable, a message that says what to do, and no secret.",
  "7.2": "The codes are those of the contract.",
  "7.3": "No call hangs: with the backend gone each ends within its time limit, and works again after.",
  "8.1":
    "store.capabilities says what holds; what is not declared is absent, and calling it is ERR_UNSUPPORTED.",
};
