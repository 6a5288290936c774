import { OAuthToken, UserSignature } from "@zohocrm/typescript-sdk-8.0";
import { tokenOf } from "./tokens.js";

/** A token of the SDK: what it finds a user by or, with a version, what it saves. */
export function zohoToken(i: number, version?: number): OAuthToken {
  const { userSignature, clientId, accessToken, refreshToken } = tokenOf(i, version);
  const token = Reflect.construct(OAuthToken, []) as OAuthToken;
  token.setUserSignature(new UserSignature(userSignature.name));
  token.setClientId(String(clientId));
  if (version !== undefined) {
    token.setAccessToken(String(accessToken));
    token.setRefreshToken(String(refreshToken));
  }
  return token;
}
