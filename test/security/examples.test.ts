/** What people copy from this repository, and what publishes it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const root = join(import.meta.dirname, "../..");
const workflowSchema = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.looseObject({
      if: z.string().optional(),
      environment: z.string().optional(),
      "runs-on": z.union([z.string(), z.array(z.string())]),
      steps: z.array(
        z.looseObject({
          uses: z.string().optional(),
          run: z.string().optional(),
          with: z.record(z.string(), z.unknown()).optional(),
        }),
      ),
    }),
  ),
});
const workflow = (file: string) => workflowSchema.parse(parse(readFileSync(join(root, file), "utf8")));
const filesBelow = (folder: string, ending: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending) && !file.includes("node_modules"))
    .map((file) => join(folder, file));
const workflows = [...filesBelow(".github/workflows", ".yml"), "examples/ci/preview.yml"];

describe("X7: the preview of pull requests that people copy", () => {
  const { permissions, jobs } = workflow("examples/ci/preview.yml");
  const job = jobs["preview"];

  test("runs for branches of the repository only, when a reviewer has let it, on a runner made for it", () => {
    expect(job?.if).toBe("github.event.pull_request.head.repo.full_name == github.repository");
    expect(job?.environment).toBe("preview");
    expect(job?.["runs-on"]).toContain("ephemeral");
    expect(permissions).toEqual({});
  });

  test("installs without scripts, leaves no credentials, and takes host keys from the base branch", () => {
    const runs = job?.steps.flatMap(({ run }) => run ?? []).join("\n") ?? "";
    expect(runs).toContain("npm ci --ignore-scripts");
    expect(runs).toMatch(/git fetch --depth 1 origin "\$BASE"[^]*FETCH_HEAD:known_hosts/);
    expect(runs).not.toContain("~/.ssh");
    expect(job?.steps.find(({ uses }) => uses?.startsWith("actions/checkout@"))?.with).toEqual({
      "persist-credentials": false,
    });
  });
});

describe("X7: the account of previews", () => {
  test("is that of a reader, for the workflow's run alone", () => {
    const step = workflow("examples/ci/preview.yml").jobs["preview"]?.steps.find(({ uses }) =>
      uses?.startsWith("pulumi/actions@"),
    );
    expect(parse(String(step?.with?.["config-map"]))).toMatchObject({ "vnic-failover:readOnly": { value: "true" } });
  });

  test("gets libvirt's read-only socket, whatever it asks for", () => {
    const file = readFileSync(join(root, "examples/hardening/sshd_config.d/51-vnic-failover-reader.conf"), "utf8");
    const { Match, ForceCommand, DisableForwarding } = Object.fromEntries(
      [...file.matchAll(/^ *(?<key>[A-Z]\w+) (?<value>.+)$/gm)].map(({ groups }) => [
        groups?.["key"],
        groups?.["value"],
      ]),
    ) as Record<string, string>;
    expect({ Match, ForceCommand, DisableForwarding }).toEqual({
      Match: "User vnic-reader",
      ForceCommand: "exec /usr/bin/virt-ssh-helper -r qemu:///system",
      DisableForwarding: "yes",
    });
  });
});

test("X8: every npx of the docs is of this package's own name", () => {
  const { name, bin } = z
    .object({ name: z.string(), bin: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  expect(Object.keys(bin)).toContain(name);
  const docs = ["README.md", ...filesBelow("docs", ".md"), ...filesBelow("examples", ".md")];
  const commands = docs.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/\bnpx ([\w@/-]+)/g)].map(([, command]) => command),
  );
  expect(commands.length).toBeGreaterThan(5);
  expect(new Set(commands)).toEqual(new Set([name]));
});

describe("X35: the workflows", () => {
  test.each(workflows)("%s uses every action by its digest", (file) => {
    const uses = Object.values(workflow(file).jobs).flatMap(({ steps }) => steps.flatMap((step) => step.uses ?? []));
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+(\/[\w-]+)*@[0-9a-f]{40}$/);
  });

  test("the release runs no package's install script, and has no token of npm's", () => {
    const text = readFileSync(join(root, ".github/workflows/release.yml"), "utf8");
    expect([...text.matchAll(/npm ci.*/g)].map(([command]) => command)).toEqual(["npm ci --ignore-scripts"]);
    expect(text).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN/);
  });
});
