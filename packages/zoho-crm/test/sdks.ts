import { createRequire } from "node:module";

/** Every SDK that the bridge is for. */
export const SDKS = [
  "typescript-sdk-8.0",
  "typescript-sdk-7.0",
  "typescript-sdk-6.0",
  "nodejs-sdk-8.0",
  "nodejs-sdk-7.0",
  "nodejs-sdk-6.0",
] as const;

export type SdkName = (typeof SDKS)[number];

const ROLES = "core/com/zoho/crm/api/roles/roles_operations.js";
const require = createRequire(import.meta.url);

/** The SDK's module, and its operation that asks for the roles. */
// biome-ignore lint/suspicious/noExplicitAny: the SDKs for Node.js have no types
export async function load(name: SdkName): Promise<{ sdk: any; RolesOperations: any }> {
  if (name.startsWith("typescript")) {
    return { sdk: require(`@zohocrm/${name}`), ...require(`@zohocrm/${name}/dist/${ROLES}`) };
  }
  return { sdk: await import(`@zohocrm/${name}`), ...(await import(`@zohocrm/${name}/lib/${ROLES}`)) };
}
