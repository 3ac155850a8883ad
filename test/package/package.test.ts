/** The package as npm publishes it, in the hands of a user: installed into an empty folder, type-checked, and run. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { fingerprintOf } from "../../provider/config/host-key.js";
import { pack, readManifest } from "../../toolchain/package.js";
import { pluginArchives } from "../../toolchain/plugin-archive.js";
import { pulumiEnvironment, root } from "../../toolchain/pulumi.js";
import { makeKey } from "../backends/libvirt/transport/keys.js";
import { SshServer } from "../backends/libvirt/transport/ssh-server.js";
import { twoHosts } from "../hosts/two-hosts.js";
import { TestStack } from "../pulumi/stack.js";
import { installForUser, offline } from "./npm-cache.js";

const TIMEOUT = 300_000;
const execute = promisify(execFile);
const manifest = readManifest();
const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-package-"));
/** The user's folder. */
const project = join(scratch, "project");
let tarball: string;
let files: readonly string[];

beforeAll(async () => {
  ({ tarball, files } = await pack(scratch));
  await installForUser(project, tarball, offline());
}, TIMEOUT);

afterAll(() => rm(scratch, { recursive: true, force: true }), TIMEOUT);

const write = (name: string, text: string) => writeFileSync(join(project, name), text);
const node = async (...args: string[]) => (await execute(process.execPath, args, { cwd: project })).stdout;

describe("the tarball", () => {
  test("holds the programs and modules with what they share, the public types and the papers: nothing else", () => {
    const { exports, bin } = manifest as unknown as {
      readonly exports: Readonly<Record<string, unknown>>;
      readonly bin: Readonly<Record<string, string>>;
    };
    const offered = [Object.values(bin), JSON.stringify(exports).match(/dist[^"]+/g) ?? []]
      .flat()
      .map((path) => path.replace(/^\.\//, ""));
    const papers = manifest.files.filter((file) => file !== "dist");
    expect(papers).toEqual(expect.arrayContaining(["README.md", "CHANGELOG.md", "LICENSE"]));
    const expected = [...new Set(offered), "docs/recovery.md", "dist/THIRD-PARTY-NOTICES.txt", "package.json"];
    expect(files).toEqual(expect.arrayContaining(expected));
    const isPaper = (file: string) => papers.some((paper) => file === paper || file.startsWith(`${paper}/`));
    expect(papers.filter((paper) => !files.some((file) => file === paper || file.startsWith(`${paper}/`)))).toEqual([]);
    const further = files.filter((file) => !expected.includes(file) && !isPaper(file));
    expect(further.filter((file) => !/^dist\/(chunks\/[^/]+\.js|.+\.d\.ts)$/.test(file))).toEqual([]);
  });

  test("brings no package along but Pulumi's SDK, which the program has", () => {
    const installed = readdirSync(join(project, "node_modules", manifest.name, ".."));
    expect(installed).not.toContain("ssh2");
    expect(manifest).not.toHaveProperty("dependencies");
    expect(Object.keys(manifest.peerDependencies)).toEqual(["@pulumi/pulumi"]);
  });

  test("has nothing run when it is installed", () => {
    const { scripts } = manifest as unknown as { scripts: Record<string, string> };
    const hooks = ["preinstall", "install", "postinstall", "prepare"];
    expect(hooks.filter((hook) => hook in scripts)).toEqual([]);
  });

  test("leaves the program its one copy of Pulumi's SDK", () => {
    expect(existsSync(join(project, "node_modules", "@pulumi", "pulumi"))).toBe(true);
    expect(existsSync(join(project, "node_modules", manifest.name, "node_modules"))).toBe(false);
  });
});

describe("a program that is", () => {
  const names = ["VmInterface", "VmPlacement", "VnicProfile"];
  const print = `console.log([VmInterface, VmPlacement, VnicProfile].map(({ name }) => name).join());`;

  test.each([
    ["an ES module", "index.mjs", `import { ${names.join()} } from "${manifest.name}";`],
    ["CommonJS", "index.cjs", `const { ${names.join()} } = require("${manifest.name}");`],
  ])("%s gets each resource by its name", { timeout: TIMEOUT }, async (_, file, imports) => {
    write(file, `${imports}\n${print}`);
    expect((await node(file)).trim()).toBe(names.join());
  });

  const declared = (network: string) => `
    import { VmInterface, VmPlacement, VnicProfile, type MoveReport, type VnicProfileArgs } from "${manifest.name}";
    const args: VnicProfileArgs = { network: ${network} };
    export const nic = new VmInterface("nic", { vm: "web", profile: new VnicProfile("data", args) });
    export const lastMove = (placement: VmPlacement) =>
      placement.lastMove.apply((report: MoveReport | null) => report?.vm);
  `;
  const check = (file: string, module: string, moduleResolution: string, ...flags: string[]) => {
    const compiler = join("node_modules", "typescript", "bin", "tsc");
    const options = ["--noEmit", "--strict", "--target", "es2022", "--module", module];
    const args = [compiler, ...options, "--moduleResolution", moduleResolution, ...flags, file];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: "utf8" });
    return { status, text: stdout + stderr };
  };

  // The types of what we depend on are checked too, once.
  test.each([
    ["node16", "types.cts", "node16"],
    ["node16", "types.mts", "node16"],
    ["nodenext", "types.mts", "nodenext", "--skipLibCheck", "false"],
    ["esnext", "types.ts", "bundler"],
    ["commonjs", "types.ts", "node10"],
  ])("typed finds the types (%s: %s, %s)", { timeout: TIMEOUT }, (module, file, resolution, ...flags) => {
    write(file, declared('"data"'));
    const libraries = flags.length > 0 ? flags : ["--skipLibCheck"];
    expect(check(file, module, resolution, ...libraries)).toEqual({ status: 0, text: "" });
  });

  test("typed and wrong is told so", { timeout: TIMEOUT }, () => {
    write("wrong.ts", declared("7"));
    expect(check("wrong.ts", "node16", "node16", "--skipLibCheck").text).toMatch(
      /^wrong\.ts\(3,\d+\): error TS2322: Type 'number' is not assignable to type 'Input<string>'/,
    );
  });
});

test(
  "`pulumi up` of the quickstart, in TypeScript, over SSH and by a socket of this machine",
  { timeout: TIMEOUT },
  async () => {
    const lab = await twoHosts();
    const [hostKey, userKey] = [makeKey("ed25519"), makeKey("ed25519")];
    const sshd = await SshServer.start({ hostKeys: [hostKey], authorized: [userKey] });
    try {
      const { hosts, networks } = lab.configuration.cluster;
      const socket = new URL(hosts["host1"]?.uri ?? "").searchParams.get("socket") ?? "";
      const overSsh = `qemu+ssh://mover@127.0.0.1:${sshd.port}/system?socket=${socket}&keyfile=${userKey.file}`;
      const cluster = {
        hosts: { ...hosts, host1: { uri: overSsh, hostKey: fingerprintOf(hostKey.blob) } },
        networks,
      };
      write("index.ts", readFileSync(join(root, "examples", "quickstart", "index.ts"), "utf8"));
      write("Pulumi.yaml", JSON.stringify({ name: "project", runtime: "nodejs" }));
      write(
        "Pulumi.dev.yaml",
        JSON.stringify({ config: { "vnic-failover:cluster": cluster, "project:host": "host1" } }),
      );
      // Its types were checked above; here the language host compiles it.
      const stack = new TestStack(project, { PULUMI_NODEJS_TRANSPILE_ONLY: "true" }, "js");
      await stack.pulumi("stack", "init", "dev");

      const created = { data: "create", "data-vf": "create", nic: "create", placement: "create" };
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: created });
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: created });
      expect(sshd.users).toContain("mover");
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: {} });
      expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
    } finally {
      await sshd.stop();
      await lab.close();
    }
  },
);

describe("the plugin's archive", () => {
  let archives: readonly string[];

  beforeAll(async () => {
    archives = await pluginArchives(tarball, join(scratch, "archives"), ["linux-amd64", "windows-amd64"]);
  }, TIMEOUT);

  test("each is named as Pulumi looks for it, and starts the plugin in its platform's way", async () => {
    expect(archives.map((file) => basename(file))).toEqual([
      `pulumi-resource-vnic-failover-v${manifest.version}-linux-amd64.tar.gz`,
      `pulumi-resource-vnic-failover-v${manifest.version}-windows-amd64.tar.gz`,
    ]);
    const inRoot = await Promise.all(
      archives.map(async (file) => {
        const { stdout } = await execute("tar", ["-tzf", file], { maxBuffer: 2 ** 26 });
        return stdout.split("\n").filter((path) => /^\.\/[^/]+$/.test(path));
      }),
    );
    const papers = ["./CHANGELOG.md", "./LICENSE", "./README.md", "./package.json"];
    expect(inRoot).toEqual([
      [...papers, "./pulumi-resource-vnic-failover"],
      [...papers, "./pulumi-resource-vnic-failover.cmd"],
    ]);
  });

  test("each starts a program that it holds, and is small", async () => {
    for (const archive of archives) {
      expect(statSync(archive).size).toBeLessThan(10 * 2 ** 20);
      const folder = mkdtempSync(join(scratch, "unpacked-"));
      await execute("tar", ["-xzf", archive, "-C", folder]);
      const launcher = readdirSync(folder).find((name) => name.startsWith("pulumi-resource-")) ?? "";
      const [, main = ""] = /"(?:\.\/|%~dp0\\)([^"]+)"/.exec(readFileSync(join(folder, launcher), "utf8")) ?? [];
      expect(main).not.toBe("");
      expect(existsSync(join(folder, main.replaceAll("\\", "/")))).toBe(true);
    }
  });

  test("the CLI installs it and gets its schema", { timeout: TIMEOUT }, async () => {
    const backendDir = join(scratch, "backend");
    mkdirSync(backendDir);
    const passphraseFile = join(scratch, "passphrase");
    writeFileSync(passphraseFile, "correct horse battery staple");
    const env = pulumiEnvironment({ projectHome: join(scratch, "home"), backendDir, passphraseFile });
    const pulumi = (...args: string[]) => execute("pulumi", args, { cwd: scratch, env });
    await pulumi("plugin", "install", "resource", "vnic-failover", manifest.version, "--file", archives[0] ?? "");
    const { stdout } = await pulumi("package", "get-schema", `vnic-failover@${manifest.version}`);
    const schema = z.object({ name: z.string(), version: z.string(), resources: z.record(z.string(), z.unknown()) });
    const { resources, ...named } = schema.parse(JSON.parse(stdout));
    expect(named).toEqual({ name: "vnic-failover", version: manifest.version });
    const kinds = ["VmInterface", "VmPlacement", "VnicProfile"];
    expect(Object.keys(resources).sort()).toEqual(kinds.map((kind) => `vnic-failover:index:${kind}`));
  });
});
