// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of code.
// Mutants of encryption (section 10): each replaces one piece of core's own code, as built.

const inFile = (file) => (from, to) => ({ file: `encryption/${file}.js`, from, to });
const envelope = inFile("envelope");
const records = inFile("sealed-records");
const backend = inFile("sealed-backend");
const keyring = inFile("keyring");
const checks = inFile("key-checks");

const CONTEXT = "[namespace, id, userName, clientId, issuer, apiDomain]";
const ADDITIONAL_DATA = "`${this.header}:${property}:${context}`";

/** Leaves out one part of what a value is bound to. */
const unbound = (part) => records(CONTEXT, CONTEXT.replace(part, '""'));

export const encryption = [
  {
    name: "metadata is stored in plaintext",
    paragraphs: ["10.1"],
    core: records("FIELDS[name].isSecret", 'FIELDS[name].isSecret && name !== "metadata"'),
  },
  {
    name: "the ID token is stored in plaintext",
    paragraphs: ["10.1"],
    core: records("FIELDS[name].isSecret", 'FIELDS[name].isSecret && name !== "idToken"'),
  },
  {
    name: "the refresh token is in an index",
    paragraphs: ["10.1"],
    core: backend(
      "this.#backend.insert(sealed, keys, deadline)",
      "this.#backend.insert(sealed, { ...keys, user: record.refreshToken ?? keys.user }, deadline)",
    ),
  },
  {
    name: "an update is stored in plaintext",
    paragraphs: ["10.1", "10.4"],
    case: "sealed at its next save",
    core: backend("this.#backend.replace(sealed, keys", "this.#backend.replace(record, keys"),
  },
  {
    name: "all saves have the same salt",
    paragraphs: ["10.1"],
    core: envelope("randomBytes(SALT_BYTES)", "Buffer.alloc(SALT_BYTES, 1)"),
  },
  {
    name: "the values of a save have the same key and nonce",
    paragraphs: ["10.1"],
    core: envelope("`tokenkeep1 key ${property}`", '"tokenkeep1 key"'),
  },
  {
    name: "plaintext that looks sealed is not escaped",
    paragraphs: ["10.1"],
    core: envelope("isMarked(plaintext) ? ESCAPE + plaintext : plaintext", "plaintext"),
  },
  {
    name: "the error of a key of the wrong shape shows it",
    paragraphs: ["10.1"],
    core: {
      file: "encryption/options.js",
      from: "is refused. Found: ${bytes}.",
      to: "is refused. Found: ${bytes} in ${key}.",
    },
  },
  {
    name: "a value is bound to nothing",
    paragraphs: ["10.2"],
    core: envelope(ADDITIONAL_DATA, '""'),
  },
  { name: "a value is not bound to its record", paragraphs: ["10.2"], core: unbound("id") },
  { name: "a value is not bound to its namespace", paragraphs: ["10.2"], core: unbound("namespace") },
  { name: "a value is not bound to the user", paragraphs: ["10.2"], core: unbound("userName") },
  { name: "a value is not bound to the client", paragraphs: ["10.2"], core: unbound("clientId") },
  { name: "a value is not bound to the issuer", paragraphs: ["10.2"], core: unbound("issuer") },
  { name: "a value is not bound to the host", paragraphs: ["10.2"], core: unbound("apiDomain") },
  {
    name: "the key id of a value is not authenticated",
    paragraphs: ["10.2"],
    core: envelope(ADDITIONAL_DATA, "`${property}:${context}`"),
  },
  {
    name: "a value that does not open is returned as it is",
    paragraphs: ["10.2"],
    core: records(
      "if (opened === undefined)\n            throw damaged(stored, property);",
      "if (opened === undefined) return value;",
    ),
  },
  {
    name: "base64 that differs in bits without a meaning opens",
    paragraphs: ["10.2"],
    core: envelope('bytes.toString("base64url") !== text', "false"),
  },
  {
    name: "a store without keys returns sealed values",
    paragraphs: ["10.3"],
    core: backend("throw noKeys(record, id);", "return [...stored];"),
  },
  {
    name: "another key stands in for one that is missing",
    paragraphs: ["10.3"],
    core: keyring(
      "if (this.#list === undefined || this.#list.ageMs < UNKNOWN_KEY_MS)\n            throw unknownKey(id);",
      "if (this.#list === undefined) return this.#first();",
    ),
  },
  {
    name: "keys are not compared with their check values",
    paragraphs: ["10.3"],
    core: checks("if (expected !== checkValueOf(key, this.#namespace))", "if (false)"),
  },
  {
    name: "no value is committed to its key",
    paragraphs: ["10.3"],
    core: records("if (keys.commitment === envelope.commitment)", "if (true)"),
  },
  {
    name: "a key without a check value seals without a look at what is sealed",
    paragraphs: ["10.3"],
    core: checks("await this.#askWitnesses(key, deadline);", ""),
  },
  {
    name: "a save falls back to plaintext if the key can't be fetched",
    paragraphs: ["10.3"],
    core: backend("this.#keyring.sealing();", "Promise.resolve(this.#keyring.sealing()).catch(() => null);"),
  },
  {
    name: "plaintext is refused, although it may be there",
    paragraphs: ["10.4"],
    core: records("if (opening.requireEncrypted)", "if (true)"),
  },
  {
    name: "plaintext is read, although requireEncrypted forbids it",
    paragraphs: ["10.4"],
    core: records("if (opening.requireEncrypted)", "if (false)"),
  },
  {
    name: "the error of plaintext shows it",
    paragraphs: ["10.4"],
    core: records("is stored in plaintext,", "is stored in plaintext, ${record[property]},"),
  },
  {
    name: "rekey counts as a save",
    paragraphs: ["10.5"],
    case: "changes nothing that a store returns",
    core: backend(
      "{ ...plain, etag: randomUUID() }",
      "{ ...plain, etag: randomUUID(), revision: plain.revision + 1, savedAt: Date.now() }",
    ),
  },
  {
    name: "rekey loses a refresh that comes between its read and its write",
    paragraphs: ["10.5"],
    case: "saved after rekey had read it",
    core: backend(
      "return this.replaceStored(stored, plain, deadline);",
      "return chain(this.readStored(plain.id, deadline), ({ etag }) => this.replaceStored(stored, { ...plain, etag }, deadline));",
    ),
  },
  {
    name: "rekey leaves plaintext in the files",
    paragraphs: ["10.5"],
    case: "in place",
    core: backend("return this.#backend.compact?.(deadline);", ""),
  },
  {
    name: "a key that should only open seals",
    paragraphs: ["10.5"],
    case: "from plaintext",
    core: keyring("seals: seal !== false", "seals: true"),
  },
  {
    name: "rekey to plaintext decrypts nothing",
    paragraphs: ["10.5"],
    case: "to plaintext",
    core: backend(
      "return this.replaceStored(stored, plain, deadline);",
      "return key === null || this.replaceStored(stored, plain, deadline);",
    ),
  },
];
