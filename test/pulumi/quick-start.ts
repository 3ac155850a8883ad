/**
 * Loaded first by the Node.js processes that Pulumi starts for unit tests (quick-start-setup.ts): most of their time is the start of
 * Pulumi's SDK. Its modules are the same, but those that programs under test never use are loaded when they are used, and what V8
 * compiles of a module is kept in a folder, where the next process finds it. End-to-end tests and `test/package` start the SDK without.
 */
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";

/** What Node.js' loader of CommonJS modules has beside its documented interface. */
interface Loader {
  _load: (this: unknown, request: string, parent: NodeJS.Module | undefined, isMain: boolean) => unknown;
  _resolveFilename(request: string, parent: NodeJS.Module, isMain: boolean, options?: object): string;
  _resolveLookupPaths(request: string, parent: NodeJS.Module): string[] | null;
  readonly _extensions: unknown;
  readonly _cache: NodeJS.Dict<NodeJS.Module>;
  readonly wrapper: readonly [string, string];
  wrap(content: string): string;
  readonly prototype: {
    _compile: (this: NodeJS.Module, content: string, filename: string, format?: string) => unknown;
  };
  /** Since Node.js 22.8. */
  readonly enableCompileCache?: (folder: string) => unknown;
}
const loader = module as unknown as Loader;

const folder = process.env["VNIC_COMPILED_CODE"];
if (folder === undefined) throw new Error("VNIC_COMPILED_CODE names no folder.");

// Programs under test are JavaScript, which Pulumi.yaml says. The Node.js language host that is built where Pulumi's releases are out of
// reach (toolchain/pulumi-language-nodejs) does not read it there, and has the SDK load a compiler.
delete process.env["PULUMI_NODEJS_TYPESCRIPT"];
loadWhenUsed(["typescript", "@npmcli/arborist"]);
// The SDK sets it when it is loaded (runtime/closure/v8Hooks.js), and V8 refuses code that was compiled with other flags.
setFlagsFromString("--allow-natives-syntax");
if (loader.enableCompileCache === undefined) keepCompiledCode(folder);
else loader.enableCompileCache(folder);

/** The SDK needs them to make text of functions, which no resource of this package asks for. */
function loadWhenUsed(names: readonly string[]): void {
  const load = loader._load;
  loader._load = function (request, parent, isMain) {
    const now = () => load.call(this, request, parent, isMain);
    const late = names.includes(request) && parent?.filename.includes("/@pulumi/pulumi/");
    return late === true ? lazy(now) : now();
  };
}

function lazy(now: () => unknown): object {
  let loaded: object | undefined;
  return new Proxy(
    {},
    {
      // `__esModule`: compiled imports would copy all properties of any other module.
      get: (_, property) =>
        property === "__esModule" || (Reflect.get((loaded ??= now() as object), property) as unknown),
    },
  );
}

/** As Node.js 22.8 does by itself. */
function keepCompiledCode(home: string): void {
  /** What was compiled in this process, by its file. */
  const compiled = new Map<string, vm.Script>();
  const compile = loader.prototype._compile;
  /** The main module, once it is loaded. */
  const main: NodeJS.Module[] = [];

  loader.prototype._compile = function (content, filename, format) {
    // During its own call for the main module the loader remembers which files exist. ES modules are another loader's, which `import()`
    // from text that is evaluated finds only by way of the loader's own scripts.
    const isMain = this.id === ".";
    if (isMain) main.push(this);
    const own = isMain || format === "module" || content.includes("import(");
    const script = own ? undefined : scriptOf(content, filename);
    if (script === undefined) return compile.call(this, content, filename, format);
    const run = script.runInThisContext() as (...args: unknown[]) => unknown;
    return run.call(this.exports, this.exports, requireOf(this, main[0]), this, filename, dirname(filename));
  };

  function scriptOf(content: string, filename: string): vm.Script | undefined {
    // The text is the key: a module that differs by a letter is compiled.
    const file = join(home, createHash("sha1").update(content).digest("hex"));
    const cachedData = contentOf(file);
    try {
      const script = new vm.Script(loader.wrap(content), {
        filename,
        columnOffset: -loader.wrapper[0].length,
        ...(cachedData && { cachedData }),
      });
      if (script.cachedDataRejected !== false) compiled.set(file, script);
      return script;
    } catch {
      // The loader says what is wrong with the text.
      return undefined;
    }
  }

  // At the end: a function is compiled when it is first called.
  process.on("exit", () => {
    for (const [file, script] of compiled) write(file, script.createCachedData());
  });
}

function requireOf(from: NodeJS.Module, main: NodeJS.Module | undefined): object {
  const resolve = (request: string, options?: object) => loader._resolveFilename(request, from, false, options);
  return Object.assign((id: string): unknown => from.require(id), {
    resolve: Object.assign(resolve, { paths: (request: string) => loader._resolveLookupPaths(request, from) }),
    main,
    extensions: loader._extensions,
    cache: loader._cache,
  });
}

function contentOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Whole or not at all: other processes read it meanwhile. */
function write(file: string, data: Buffer): void {
  const part = `${file}.${process.pid}`;
  writeFileSync(part, data);
  renameSync(part, file);
}
