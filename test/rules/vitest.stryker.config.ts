import { defineConfig } from "vitest/config";

/**
 * The rules' examples alone: a mutation run repeats them for each mutant, so the properties, which take longer than all
 * examples together, are left out. What is killed is killed by an example.
 */
export default defineConfig({
  test: { include: ["test/rules/**/*.test.ts"], exclude: ["test/rules/properties.test.ts"], isolate: false },
});
