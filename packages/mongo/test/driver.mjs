// The kit's module with another version of the driver, which the test file names in the environment. Child processes
// inherit that.
import { register } from "node:module";

const driver = JSON.stringify(process.env.TOKENKEEP_MONGO_TEST_DRIVER);
const here = JSON.stringify(import.meta.url);
const hook = `export const resolve = (name, context, next) =>
  name === "mongodb" ? next(${driver}, { ...context, parentURL: ${here} }) : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

export default (await import("./store.mjs")).default;
