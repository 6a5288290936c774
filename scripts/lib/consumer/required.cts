// CommonJS where `require()` of an ES module is known: `nodenext`
import { OAuthToken } from "@tokenkeep/core";

import memory = require("@tokenkeep/memory");

export const token: OAuthToken = new OAuthToken({ refreshToken: "r" });
export const store = new memory.MemoryTokenStore();
// @ts-expect-error no such method
store.find();
