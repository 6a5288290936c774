import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["*.spec.ts"], cache: false, pool: "vmThreads", reporters: ["default"] },
});
