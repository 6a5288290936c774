// A store of this package on another version of ioredis, which TOKENKEEP_TEST_IOREDIS names: in this process and in
// any that imports this module.
import { register } from "node:module";

const name = JSON.stringify(process.env.TOKENKEEP_TEST_IOREDIS);
const parentURL = JSON.stringify(import.meta.url);
const hook = `export const resolve = (specifier, context, next) =>
  specifier === "ioredis" ? next(${name}, { ...context, parentURL: ${parentURL} }) : next(specifier, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

export default (await import("../store.mjs")).default;
