import { relative, sep } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Tests that start Pulumi's engine or a package manager, or wait for oVirt's, take a minute and more a file: the longest first. */
const long = [
  "test/scenarios/",
  "test/pulumi/",
  "test/handlers/ovirt/engine-flow",
  "test/parity/",
  "test/package/",
  "test/hosts/model-hosts",
];

/**
 * Long files before the others, so that the workers end together. By itself vitest goes by how long files took before, which a
 * fresh checkout does not know, and then by their size, which says nothing of that.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const path = relative(this.ctx.config.root, moduleId).split(sep).join("/");
      const found = long.findIndex((start) => path.startsWith(start));
      return found === -1 ? long.length : found;
    };
    return sorted.sort((one, other) => rank(one) - rank(other));
  }
}
