/**
 * Loaded first by the Node.js processes that Pulumi starts for unit tests: most of their time is the start of Pulumi's SDK. Its modules
 * are the same, but two large ones are loaded when they are used: the SDK needs them to make text of functions, which no resource of
 * this package asks for. End-to-end tests and `test/package` start the SDK without this file.
 */
"use strict";
const module_ = require("node:module");

// Programs under test are JavaScript, which Pulumi.yaml says. The Node.js language host that is built where Pulumi's releases are out of
// reach (toolchain/pulumi-language-nodejs) does not read it there, and has the SDK load a compiler.
delete process.env.PULUMI_NODEJS_TYPESCRIPT;

const whenUsed = ["typescript", "@npmcli/arborist"];
const load = module_._load;
module_._load = function (request, parent, isMain) {
  const now = () => load.call(this, request, parent, isMain);
  return whenUsed.includes(request) && parent?.filename.includes("/@pulumi/pulumi/") ? lazy(now) : now();
};

function lazy(now) {
  let loaded;
  // `__esModule`: compiled imports would copy all properties of any other module.
  return new Proxy({}, { get: (_, property) => property === "__esModule" || (loaded ??= now())[property] });
}
