/** What is made of the descriptions in provider/model stands in the tree as it would be written now. */
import { expect, it } from "vitest";
import { generatedFiles, outdated } from "../../toolchain/generate/files.js";

it("`npm run generate` has nothing to write", async () => {
  const files = await generatedFiles();
  expect(files.size).toBeGreaterThan(5);
  expect(outdated(files)).toEqual([]);
});
