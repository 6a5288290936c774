import type { Case } from "../case.js";
import { expectIds, expectNull, expectToken, plain, same } from "../expect.js";

export const reopening: Case[] = [
  {
    checks: ["5.5a"],
    name: "a store that is closed and opened again has every record, whole",
    needs: ["durable"],
    async run(kit) {
      const first = await kit.open();
      for (let index = 0; index < 20; index++) {
        await first.saveToken({
          userSignature: { name: `user ${index} 🔑` },
          clientId: "client",
          clientSecret: `secret\0${index}`,
          refreshToken: `refresh ${index}`,
          accessToken: `access\n"${index}"`,
          expiresAt: 1_700_000_000_123 + index,
          apiDomain: "https://api.example",
        });
      }
      await first.deleteToken((await first.findToken({ refreshToken: "refresh 7" }))?.id ?? "");
      const before = (await first.getTokens()).map(plain);
      await first.close();
      const second = await kit.open();
      const after = await second.getTokens();
      expectIds(
        after,
        before.map(({ id }) => id ?? ""),
      );
      for (const [index, token] of after.entries()) expectToken(token, before[index]!);
      const again = await second.saveToken({ refreshToken: "refresh 3", expiresAt: 5 });
      same(plain(again).revision, 2, "the revision of a save after that");
    },
  },
  {
    checks: ["5.5a"],
    name: "what was deleted stays deleted when the store is opened again",
    needs: ["durable"],
    async run(kit) {
      const first = await kit.open();
      const { id } = await first.saveToken({ refreshToken: "gone", userSignature: { name: "gone" } });
      await first.deleteToken(id ?? "");
      await first.close();
      const second = await kit.open();
      expectIds(await second.getTokens(), []);
      expectNull(await second.findToken({ refreshToken: "gone" }));
    },
  },
];
