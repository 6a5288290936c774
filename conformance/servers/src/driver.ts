import { register } from "node:module";

/**
 * Makes this process load another version of a driver: the one that `TOKENKEEP_TEST_DRIVER` names, which is a
 * dependency in `package.json`. The kit's module calls it, so that the kit's child processes load it too. Vitest
 * resolves what it loads by itself: there, the test file mocks the driver.
 *
 * @param driver the package as the store imports it; its other entry points, like `mysql2/promise`, go along
 * @param module `import.meta.url` of the kit's module
 */
export function useOtherDriver(driver: string, module: string): void {
  const other = process.env.TOKENKEEP_TEST_DRIVER;
  if (!other) throw new Error("Set TOKENKEEP_TEST_DRIVER to the name of a dependency.");
  const hook = `export const resolve = (name, context, next) =>
    name === "${driver}" || name.startsWith("${driver}/")
      ? next("${other}" + name.slice(${driver.length}), { ...context, parentURL: ${JSON.stringify(module)} })
      : next(name, context);`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}
