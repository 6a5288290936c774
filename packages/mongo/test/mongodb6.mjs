// The kit's module with mongodb 6 in the place of the mongodb that this package is developed with: in this process and
// in any that imports this module.
import { register } from "node:module";

const hook = `export const resolve = (name, context, next) =>
  name === "mongodb" ? next("mongodb6", { ...context, parentURL: ${JSON.stringify(import.meta.url)} }) : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

export default (await import("./store.mjs")).default;
