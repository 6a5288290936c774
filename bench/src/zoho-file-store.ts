import { writeFileSync } from "node:fs";
import { FileStore } from "@zohocrm/typescript-sdk-8.0";
import type { Candidate } from "./bench.js";
import { tokenOf } from "./tokens.js";
import { zohoToken } from "./zoho-token.js";

const HEADER =
  "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url,api_domain";

/** The SDK's own store for a file, filled as its own saves would have filled it. */
export function zohoFileStore(path: string, size: number): Candidate {
  const lines = Array.from({ length: size }, (_, i) => {
    const token = tokenOf(i);
    return [
      i + 1,
      token.userSignature.name,
      token.clientId,
      token.clientSecret,
      token.refreshToken,
      token.accessToken,
      "",
      token.expiresAt,
      token.redirectUrl,
      token.apiDomain,
    ].join(",");
  });
  writeFileSync(path, [HEADER, ...lines].join("\n"));
  const store = new FileStore(path);
  return {
    name: "Zoho SDK's FileStore",
    kind: "alternative",
    size,
    durability: "not flushed; a crash can cut the file off",
    callers: [1],
    jobs: {
      // By the user, as after a restart.
      find: (i) => store.findToken(zohoToken(i)),
      save: (i, version) => store.saveToken(zohoToken(i, version)),
    },
  };
}
