import { setTimeout as sleep } from "node:timers/promises";
import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectNull, expectToken } from "../expect.js";
import { TOKEN_KINDS } from "../samples.js";

const CHOICES = [null, "a", "b"] as const;
type Choice = (typeof CHOICES)[number];

const of = (user: Choice, client: Choice): TokenInput => ({
  userSignature: user === null ? null : { name: `user-${user}` },
  clientId: client === null ? null : `client-${client}`,
});
const mayDiffer = (one: Choice, other: Choice): boolean => one === null || other === null || one === other;

/** 2.5 counts in milliseconds: the next save is later than those before. */
const nextMillisecond = (): Promise<unknown> => sleep(3);

export const usersAndClients: Case[] = [
  ...TOKEN_KINDS.map(
    (kind): Case => ({
      checks: ["2.4a", "2.4b", "2.4c"],
      name: `the ${kind} finds no record of another user or another client`,
      async run({ store }) {
        for (const user of CHOICES) {
          for (const client of CHOICES) {
            const record = { ...of(user, client), [kind]: "the-value" };
            await store.saveToken(record);
            for (const askingUser of CHOICES) {
              for (const askingClient of CHOICES) {
                const found = await store.findToken({ ...of(askingUser, askingClient), [kind]: "the-value" });
                if (mayDiffer(user, askingUser) && mayDiffer(client, askingClient))
                  expectToken(found, record);
                else expectNull(found);
              }
            }
            await store.deleteTokens();
          }
        }
      },
    }),
  ),
  {
    checks: ["2.4a", "2.4c"],
    name: "a user name finds no record of another client",
    async run({ store }) {
      await store.saveToken({ ...of("a", "a"), refreshToken: "r" });
      expectNull(await store.findToken(of("a", "b")));
      expectToken(await store.findToken(of("a", null)), { ...of("a", "a"), refreshToken: "r" });
    },
  },
  {
    checks: ["2.4a", "2.5a"],
    name: "one user with two clients has two records, and each client finds its own",
    async run({ store }) {
      for (const client of ["a", "b"] as const) {
        await store.saveToken({ ...of("a", client), refreshToken: `refresh-${client}` });
      }
      for (const client of ["a", "b"] as const) {
        const expected = { ...of("a", client), refreshToken: `refresh-${client}`, revision: 1 };
        expectToken(await store.findToken(of("a", client)), expected);
      }
    },
  },
  {
    checks: ["2.5a"],
    name: "a query with a client prefers that client's record to a newer one without a client",
    async run({ store }) {
      await store.saveToken({ ...of("a", "a"), refreshToken: "with" });
      await nextMillisecond();
      await store.saveToken({ ...of(null, null), id: "without", refreshToken: "without" });
      await store.saveToken({ ...of("a", null), id: "without" });
      expectToken(await store.findToken(of("a", "a")), { ...of("a", "a"), refreshToken: "with" });
    },
  },
  {
    checks: ["2.5b"],
    name: "a query with a client for which the user has no record finds the one without a client",
    async run({ store }) {
      await store.saveToken({ ...of("a", "a"), refreshToken: "with" });
      await store.saveToken({ id: "without", refreshToken: "without" });
      await store.saveToken({ ...of("a", null), id: "without" });
      expectToken(await store.findToken(of("a", "b")), {
        ...of("a", null),
        id: "without",
        refreshToken: "without",
      });
    },
  },
  {
    checks: ["2.5c"],
    name: "a query without a client finds the record saved last, updates included",
    async run({ store }) {
      for (const client of ["a", "b"] as const) {
        await nextMillisecond();
        await store.saveToken({ ...of("a", client), refreshToken: `refresh-${client}` });
        expectToken(await store.findToken(of("a", null)), {
          ...of("a", client),
          refreshToken: `refresh-${client}`,
        });
      }
      await nextMillisecond();
      await store.saveToken({ ...of("a", "a"), apiDomain: "updated" });
      const updated = { ...of("a", "a"), refreshToken: "refresh-a", apiDomain: "updated" };
      expectToken(await store.findToken(of("a", null)), updated);
    },
  },
  {
    checks: ["2.5c", "3.1b"],
    name: "a save without a client updates the user's record saved last",
    async run({ store }) {
      for (const client of ["a", "b"] as const) {
        await nextMillisecond();
        await store.saveToken({ ...of("a", client), refreshToken: `refresh-${client}` });
      }
      await nextMillisecond();
      const updated = { ...of("a", "b"), refreshToken: "refresh-b", apiDomain: "updated", revision: 2 };
      expectToken(await store.saveToken({ ...of("a", null), apiDomain: "updated" }), updated);
      expectToken(await store.findToken(of("a", "a")), {
        ...of("a", "a"),
        refreshToken: "refresh-a",
        revision: 1,
      });
    },
  },
  {
    checks: ["2.5c"],
    name: "after the record saved last is deleted, the one before it is found",
    async run({ store }) {
      await store.saveToken({ ...of("a", "a"), refreshToken: "first" });
      await nextMillisecond();
      const last = await store.saveToken({ ...of("a", "b"), refreshToken: "last" });
      await store.deleteToken(last.id ?? "");
      expectToken(await store.findToken(of("a", null)), { ...of("a", "a"), refreshToken: "first" });
    },
  },
];
