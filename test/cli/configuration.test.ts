import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfiguration } from "../../provider/cli/configuration.js";
import { ConfigError } from "../../provider/config/index.js";

const cluster = {
  hosts: { host1: { uri: "qemu+ssh://virt@host1/system" } },
  networks: { data: { bridge: "br0", mtu: 1500 } },
};
const yaml = `hosts:
  host1: { uri: "qemu+ssh://virt@host1/system" }
networks:
  data: { bridge: br0, mtu: 1500 }   # the standby
`;
const inset = (text: string) => text.replaceAll(/^/gm, "  ");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vnic-failover-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** A `pulumi` on the PATH that notes its arguments, prints `stdout` and `stderr` and exits with `code`. */
async function fakePulumi({
  stdout = "",
  stderr = "",
  code = 0,
  answers = {},
}: {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number;
  /** What it prints instead, by the first two arguments. */
  readonly answers?: Readonly<Record<string, string>>;
}): Promise<{ env: NodeJS.ProcessEnv; argv: () => Promise<string[]> }> {
  const bin = await mkdtemp(join(folder, "bin-"));
  const notes = join(bin, "argv.json");
  const script = `#!${process.execPath}
require("fs").writeFileSync(${JSON.stringify(notes)}, JSON.stringify(process.argv.slice(2)));
process.stdout.write(${JSON.stringify(answers)}[process.argv.slice(2, 4).join(" ")] ?? ${JSON.stringify(stdout)});
process.stderr.write(${JSON.stringify(stderr)});
process.exitCode = ${code};
`;
  await writeFile(join(bin, "pulumi"), script);
  await chmod(join(bin, "pulumi"), 0o755);
  return { env: { PATH: bin }, argv: async () => JSON.parse(await readFile(notes, "utf8")) as string[] };
}

async function problemOf(attempt: Promise<unknown>): Promise<ConfigError> {
  const error = await attempt.then(
    () => expect.fail("it was accepted"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
}

describe("a file", () => {
  test.each([
    ["cluster.json", JSON.stringify(cluster)],
    ["cluster-below.json", JSON.stringify({ cluster })],
    ["cluster.yaml", yaml],
    ["cluster-below.yaml", `cluster:\n${inset(yaml)}`],
    ["Pulumi.dev.yaml", `config:\n  other:key: 1\n  vnic-failover:cluster:\n${inset(inset(yaml))}`],
  ])("%s", async (name, text) => {
    const config = await file(name, text);
    expect(await readConfiguration({ config }, {})).toEqual({
      cluster: { ...cluster, hostCommands: true },
      credentials: {},
    });
  });

  test("takes secrets from the environment, where they are not empty", async () => {
    const config = await file("cluster.json", JSON.stringify(cluster));
    const configuration = await readConfiguration(
      { config },
      { VNIC_FAILOVER_SSH_PASSWORD: "pw", VNIC_FAILOVER_SSH_PASSPHRASE: "" },
    );
    expect(configuration).toMatchObject({ credentials: { sshPassword: "pw" } });
  });

  test("does not ask pulumi", async () => {
    const config = await file("cluster.json", JSON.stringify(cluster));
    const { env, argv } = await fakePulumi({ code: 1 });
    await readConfiguration({ config, stack: "dev" }, env);
    await expect(argv()).rejects.toThrow("ENOENT");
  });

  test.each([
    [
      "broken.yaml",
      "hosts: [",
      /neither YAML nor JSON: line 1, column 9: it is indented wrongly, or a bracket is not closed/,
    ],
    ["twice.yaml", `${yaml}hosts: {}\n`, /neither YAML nor JSON: line 5, column 1: this key appears twice/],
    ["empty.yaml", "", /Unable to use the file as configuration/],
    ["hostless.yaml", "networks: {}", /Unable to use the file as configuration/],
    [
      "mistaken.yaml",
      `${yaml}bridges: 1\n`,
      /mistaken.yaml:5: the configuration has an unknown key "bridges"; its keys are/,
    ],
    [
      "mistyped.yaml",
      yaml.replace("hosts", "hots"),
      /mistyped.yaml:1: the configuration has an unknown key "hots"; did you/,
    ],
    [
      "below.yaml",
      `cluster:\n${inset(yaml.replace("uri", "url"))}`,
      /below.yaml:3: cluster.hosts.host1 has an unknown key "url"/,
    ],
    ["broken.json", '{\n "hosts": {\n  "host1": {}}}', /broken.json:3: hosts.host1.uri is missing/],
    [
      "Pulumi.bad.yaml",
      `config:\n  vnic-failover:cluster:\n${inset(inset(yaml))}\n  vnic-failover:sshPrivatKey: s3cret\n`,
      /Pulumi.bad.yaml:8: config.vnic-failover:sshPrivatKey is an unknown key; did you mean "vnic-failover:sshPrivateKey"/,
    ],
  ])("%s is refused, with its name and line", async (name, text, message) => {
    const config = await file(name, text);
    const error = await problemOf(readConfiguration({ config }, {}));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("s3cret");
    expect(error.problem).toMatchObject({ where: config });
  });

  test("with several mistakes tells them all, each with its line", async () => {
    const config = await file(
      "many.yaml",
      "hosts:\n  a:\n    uri: 1\n  b: { uri: qemu+tcp://b/system }\nnetworks:\n  n: { mtu: 1 }\n",
    );
    const { message } = await problemOf(readConfiguration({ config }, {}));
    expect(message.split("\n")).toEqual([
      "Unable to use the configuration:",
      `  ${config}:3: hosts.a.uri must be a string, not a number.`,
      `  ${config}:4: hosts.b.uri cannot be used: the transport "tcp" is not supported. Use ssh, tls or unix, e.g. qemu+ssh://b/system.`,
      `  ${config}:6: networks.n.mtu must be at least 68.`,
      "Correct them in that file.",
    ]);
  });

  test("follows anchors and merge keys to the line", async () => {
    const config = await file(
      "anchors.yaml",
      'common: &net\n  mtu: 9001x\ncluster:\n  hosts: { a: { uri: "qemu:///system" } }\n  networks:\n    data: { <<: *net, bridge: br0 }\n',
    );
    const { message } = await problemOf(readConfiguration({ config }, {}));
    expect(message).toContain(":6: cluster.networks.data.mtu must be a number, not a string");
  });

  test("that is not there is refused", async () => {
    const error = await problemOf(readConfiguration({ config: join(folder, "nowhere.yaml") }, {}));
    expect(error.message).toMatch(/Unable to read the configuration .*ENOENT/);
  });
});

describe("the stack", () => {
  const stackConfig = JSON.stringify({
    "vnic-failover:cluster": { value: JSON.stringify(cluster), objectValue: cluster, secret: false },
    "vnic-failover:sshPassword": { value: "hunter2", secret: true },
    "other:sshPassword": { value: "not ours" },
  });

  test("is asked of pulumi itself, without a shell", async () => {
    const { env, argv } = await fakePulumi({ stdout: stackConfig });
    const read = await readConfiguration({ stack: "dev; touch /tmp/x", cwd: "/a b" }, env);
    expect(read).toEqual({ cluster: { ...cluster, hostCommands: true }, credentials: { sshPassword: "hunter2" } });
    expect(await argv()).toEqual([
      "config",
      "--show-secrets",
      "--json",
      "--non-interactive",
      "--stack",
      "dev; touch /tmp/x",
      "--cwd",
      "/a b",
    ]);
  });

  test("names no stack or folder that was not given", async () => {
    const { env, argv } = await fakePulumi({ stdout: stackConfig });
    await readConfiguration({}, { ...env, VNIC_FAILOVER_SSH_PASSWORD: "from the environment" });
    expect(await argv()).toEqual(["config", "--show-secrets", "--json", "--non-interactive"]);
  });

  test("gives way to the environment's secrets", async () => {
    const { env } = await fakePulumi({ stdout: stackConfig });
    const configuration = await readConfiguration({}, { ...env, VNIC_FAILOVER_SSH_PASSWORD: "newer" });
    expect(configuration).toMatchObject({ credentials: { sshPassword: "newer" } });
  });

  test("gives way to the environment's credentials of hosts", async () => {
    const given = { host1: { sshPassphrase: "open sesame" } };
    const { env } = await fakePulumi({ stdout: stackConfig });
    const configuration = await readConfiguration(
      {},
      { ...env, VNIC_FAILOVER_HOST_CREDENTIALS: JSON.stringify(given) },
    );
    expect(configuration).toMatchObject({ hostCredentials: given });
    const error = await problemOf(readConfiguration({}, { ...env, VNIC_FAILOVER_HOST_CREDENTIALS: "hunter2" }));
    expect(error.message).toMatch(/vnic-failover:hostCredentials is not an object/);
    expect(error.message).not.toContain("hunter2");
  });

  test("that pulumi cannot read: its own words, and the other way", async () => {
    const { env } = await fakePulumi({ stderr: "warning: old\nerror: no Pulumi.yaml project file found\n", code: 255 });
    const error = await problemOf(readConfiguration({}, env));
    expect(error.message).toMatch(
      /^Unable to read the stack's configuration: no Pulumi\.yaml project file found\. .*--config/,
    );
  });

  test("without pulumi: the other way", async () => {
    const error = await problemOf(readConfiguration({}, { PATH: folder }));
    expect(error.message).toMatch(/there is no `pulumi` on the PATH\. Install the Pulumi CLI .*--config\.$/);
    expect(error.message).not.toContain("--stack");
  });

  test("without the cluster", async () => {
    const { env } = await fakePulumi({ stdout: "{}" });
    expect((await problemOf(readConfiguration({}, env))).problem.code).toBe("config-missing");
  });

  test.each([
    ["the stack that is named", { stack: "acme/web/dev" }, ""],
    ["the stack that is selected", {}, "dev\n"],
  ])("tells mistakes with the lines of the file of %s", async (_case, source, selected) => {
    const project = await mkdtemp(join(folder, "project-"));
    const broken = { hosts: { host1: { url: "x" } } };
    await writeFile(join(project, "Pulumi.yaml"), "name: web\nruntime: nodejs\nstackConfigDir: stacks\n");
    await mkdir(join(project, "stacks"));
    await mkdir(join(project, "program"));
    const stackFile = join(project, "stacks", "Pulumi.dev.yaml");
    await writeFile(stackFile, "config:\n  vnic-failover:cluster:\n    hosts:\n      host1:\n        url: x\n");
    const { env } = await fakePulumi({
      stdout: JSON.stringify({
        "vnic-failover:cluster": { value: JSON.stringify(broken), objectValue: broken, secret: false },
        "vnic-failover:fromEnvironment": { value: "hunter2", secret: true },
      }),
      answers: { "stack --show-name": selected },
    });
    const { message } = await problemOf(readConfiguration({ ...source, cwd: join(project, "program") }, env));
    expect(message.split("\n")).toEqual([
      "Unable to use the stack's configuration:",
      expect.stringMatching(/^ {2}vnic-failover:fromEnvironment is an unknown key; the keys are /),
      `  ${stackFile}:5: vnic-failover:cluster.hosts.host1 has an unknown key "url"; did you mean "uri"?`,
      "Correct them in that file, or with pulumi config set.",
    ]);
  });

  test.each([
    ["no JSON", '{"vnic-failover:sshPassword": hunter2', 0],
    ["other JSON", '["hunter2"]', 0],
    ["a failure", '{"x": "hunter2"}', 1],
  ])("%s: nothing of what was printed is told", async (_case, stdout, code) => {
    const { env } = await fakePulumi({ stdout, code });
    const error = await problemOf(readConfiguration({}, env));
    expect(`${error.stack ?? ""}${JSON.stringify(error.problem)}${String(error.cause)}`).not.toContain("hunter2");
  });
});
