// A store of this package with ioredis 5 in the place of the ioredis that it is developed with: in this process and
// in any that imports this module.
import { register } from "node:module";

const hook = `export const resolve = (name, context, next) =>
  name === "ioredis" ? next("ioredis5", { ...context, parentURL: ${JSON.stringify(import.meta.url)} }) : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

export default (await import("../store.mjs")).default;
