// The records of one group, as the checker assumes them, and what each call makes of them. The rules are the model's.
import type { TokenInput } from "@tokenkeep/core";
import { Model, type ModelRecord, type Saved } from "../model.js";
import type { Failover, Operation, Outcome, RecordAction, Value } from "./operation.js";

/** What a group holds. Never changed: a call makes another one. */
export class State {
  readonly records: readonly ModelRecord[];
  /** The same text for the same records. */
  readonly key: string;

  constructor(records: readonly ModelRecord[]) {
    this.records = records;
    this.key = records.map(textOf).sort().join();
  }
}

const texts = new WeakMap<ModelRecord, string>();

/** A record as text, without the number of its save, which is the model's own. */
function textOf(record: ModelRecord): string {
  const known = texts.get(record);
  if (known !== undefined) return known;
  const text = JSON.stringify([
    record.id,
    record.revision,
    record.userName,
    record.clientId,
    record.grantToken,
    record.refreshToken,
    record.refreshTokenExpiresAt,
    record.accessToken,
    record.expiresAt,
    record.apiDomain,
  ]);
  texts.set(record, text);
  return text;
}

/** What each call makes of each state: a search asks again and again, above all for what a failover may bring back. */
const results = new WeakMap<Operation, Map<State, State | undefined>>();

/**
 * What the call makes of these records.
 * @returns the same state if it changes nothing, or undefined if its outcome is another one here
 */
export function apply(call: Operation, state: State): State | undefined {
  const known = results.get(call) ?? new Map<State, State | undefined>();
  results.set(call, known);
  if (!known.has(state)) known.set(state, resultOf(call, state));
  return known.get(state);
}

function resultOf({ action, outcome }: Operation, state: State): State | undefined {
  const model = new Model();
  model.records = [...state.records];
  const result =
    action.method === "findToken" && isByUserAlone(action.query)
      ? ofUser(model, action.query, outcome)
      : perform(model, action);
  if (outcome !== undefined && "value" in outcome && !isSame(result, outcome.value)) return undefined;
  // A write whose outcome is unknown fits whatever it does.
  if (outcome !== undefined && "code" in outcome && !outcome.uncertain && result !== outcome.code) {
    return undefined;
  }
  const changed = new State(model.records);
  return changed.key === state.key ? state : changed;
}

function isByUserAlone({ userSignature, clientId, ...others }: TokenInput): boolean {
  return Boolean(userSignature) && !clientId && Object.keys(others).length === 0;
}

/** Which of a user's records was saved last, the stores' clocks decide: any of them is right here. */
function ofUser(model: Model, query: TokenInput, outcome: Outcome | undefined): ModelRecord | null {
  const found = outcome !== undefined && "value" in outcome ? outcome.value : null;
  const records = model.records.filter(({ userName }) => userName === query.userSignature?.name);
  return records.find((record) => isSame(record, found)) ?? records[0] ?? null;
}

function perform(model: Model, action: RecordAction | Failover): Saved | null {
  switch (action.method) {
    case "findToken":
      return model.find(action.query) ?? null;
    case "findTokenById":
      return model.byId(action.id) ?? null;
    case "saveToken":
      return save(model, action.token, action.base, action.ifRevision);
    case "deleteToken": {
      const { id, ifRevision } = action;
      const revision = model.byId(id)?.revision;
      if (ifRevision !== undefined && revision !== undefined && revision !== ifRevision)
        return "ERR_CONFLICT";
      model.delete(id);
      return null;
    }
    case "deleteTokens":
      model.records = [];
      return null;
    case "failover": // needs to know what was there before: see `linearize`
      return null;
  }
}

/** The calls of histories give every new record its id. */
function save(model: Model, token: TokenInput, base: ModelRecord | undefined, ifRevision?: number): Saved {
  return base === undefined ? model.save(token, "", ifRevision) : model.saveCopy(base, token, "", ifRevision);
}

/** Whether a record is the one that a call returned. */
export function isSame(one: Saved | null, other: Value): boolean {
  if (one === null || other === null || typeof one === "string") return one === other;
  return textOf(one) === textOf(other);
}
