/** What the tests need of the machine beside the packages of package-lock.json: `npm run setup -- --tests` installs it. */
import { newestSdkRequirement } from "../toolchain/newest-sdk.js";
import type { Requirement } from "../toolchain/requirement.js";
import { ovirtSdk } from "./engine/sdk/environment.js";
import { labImage } from "./lab/image.js";
import { labRequirements } from "./lab/requirements.js";
import { npmCache } from "./package/npm-cache.js";
import { vermin } from "./old-python.js";
import { openssl, python, ssh, sshAdd, sshAgent, sshKeygen } from "./programs.js";
import { schemaFiles, xmllint } from "./backends/libvirt/xml/schemas.js";

export const testRequirements: readonly Requirement[] = [
  openssl,
  sshKeygen,
  ssh,
  python,
  sshAgent,
  sshAdd,
  schemaFiles,
  xmllint,
  ovirtSdk,
  vermin,
  newestSdkRequirement,
  npmCache,
  ...labRequirements,
  labImage,
];
