/**
 * The example policy pack, served by Pulumi's own library, asked about resources of the real engine. The engine itself runs packs
 * only with a newer language host than the one that can be built here.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { unknownValue } from "@pulumi/pulumi/runtime/rpc.js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import * as proto from "@pulumi/pulumi/proto/analyzer_pb.js";
import { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { root } from "../../toolchain/pulumi.js";
import { compile } from "../pulumi/package.js";
import type { TestStack } from "../pulumi/stack.js";
import { overLab, TIMEOUT } from "./over-lab.js";

const program = `
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("fast", { network: "data-vf", passThrough: "enabled", migratable: true, failover: standby });
const good = new VmInterface("good", { vm: "web", profile: fast });
new VmInterface("plain", { vm: "web", profile: standby }, { dependsOn: good });
new VmPlacement("web", { vm: "web", host: "host1", migration: { announce: "none" } });
`;

const State = z.object({
  deployment: z.object({
    resources: z.array(
      z.object({
        urn: z.string(),
        type: z.string(),
        inputs: z.record(z.string(), z.unknown()).default({}),
        outputs: z.record(z.string(), z.unknown()).default({}),
        propertyDependencies: z.record(z.string(), z.array(z.string()).nullable()).default({}),
      }),
    ),
  }),
});
type StateResource = z.output<typeof State>["deployment"]["resources"][number];

/** The pack in a process of its own, as the engine starts it: it says its port. */
async function serveExample({ folder }: TestStack): Promise<AnalyzerClient> {
  const pack = join(folder, "policy");
  const example = join(root, "examples", "policy");
  mkdirSync(join(pack, "node_modules", "@pulumi"), { recursive: true });
  cpSync(join(example, "PulumiPolicy.yaml"), join(pack, "PulumiPolicy.yaml"));
  writeFileSync(join(pack, "package.json"), JSON.stringify({ name: "policy", version: "0.1.0", main: "index.js" }));
  writeFileSync(join(pack, "index.js"), compile(readFileSync(join(example, "index.ts"), "utf8"), "index.ts"));
  symlinkSync(join(root, "node_modules", "@pulumi", "policy"), join(pack, "node_modules", "@pulumi", "policy"));
  for (const name of ["pulumi-vnic-failover", "@pulumi/pulumi"])
    symlinkSync(join(folder, "node_modules", name), join(pack, "node_modules", name));
  const child = spawn(process.execPath, ["index.js"], { cwd: pack, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill());
  const ended = once(child, "exit").then(() => Promise.reject(new Error("The policy pack ended")));
  // It ends with the test, too, when nothing waits for it any more.
  ended.catch(() => undefined);
  const [port] = (await Promise.race([once(child.stdout, "data"), ended])) as [Buffer];
  return new AnalyzerClient(`127.0.0.1:${port.toString().trim()}`, grpc.credentials.createInsecure());
}

const structOf = (values: Readonly<Record<string, unknown>>) =>
  Struct.fromJavaScript(values as Parameters<typeof Struct.fromJavaScript>[0]);
const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";

/** `<resource>: <policy>`, of what the engine would be told. */
type Answer = (error: grpc.ServiceError | null, response?: proto.AnalyzeResponse) => void;
function violations(ask: (answer: Answer) => unknown): Promise<string[]> {
  return new Promise((resolve, reject) => {
    ask((error, response) => {
      if (error !== null) reject(error);
      else
        resolve(
          (response?.getDiagnosticsList() ?? [])
            .map((each) => `${nameOf(each.getUrn())}: ${each.getPolicyname()}`)
            .sort(),
        );
    });
  });
}

function stackRequest(
  resources: readonly StateResource[],
  propertiesOf: (resource: StateResource) => Readonly<Record<string, unknown>>,
): proto.AnalyzeStackRequest {
  return new proto.AnalyzeStackRequest().setResourcesList(
    resources.map((resource) => {
      const { type, urn, propertyDependencies } = resource;
      const sent = new proto.AnalyzerResource()
        .setOptions(new proto.AnalyzerResourceOptions())
        .setType(type)
        .setUrn(urn)
        .setName(nameOf(urn));
      sent.setProperties(structOf(propertiesOf(resource)));
      for (const [property, urns] of Object.entries(propertyDependencies))
        sent
          .getPropertydependenciesMap()
          .set(property, new proto.AnalyzerPropertyDependencies().setUrnsList(urns ?? []));
      return sent;
    }),
  );
}

it(
  "the example policy pack knows resources by their classes, and VMs without failover",
  { timeout: TIMEOUT },
  async () => {
    await overLab(program, async (stack) => {
      expect((await stack.up()).exitCode).toBe(0);
      const { text } = await stack.export();
      const { resources } = State.parse(JSON.parse(text)).deployment;
      const own = resources.filter(({ type }) => type.startsWith("pulumi-nodejs:"));
      expect(own.length).toBe(5);
      const pack = await serveExample(stack);
      onTestFinished(() => pack.close());

      const ask = (among: readonly StateResource[], of: Parameters<typeof stackRequest>[1]) =>
        violations((answer) => pack.analyzeStack(stackRequest(among, of), answer));
      const plain = "plain: interfaces-have-failover";
      expect(await ask(own, ({ outputs }) => outputs)).toEqual([plain]);
      // In the preview that comes before everything is made no id is known.
      const planned = ({ inputs }: StateResource) => ({
        ...inputs,
        ...("profile" in inputs && { profile: unknownValue }),
        ...("failover" in inputs && { failover: unknownValue }),
      });
      expect(await ask(own, planned)).toEqual([plain]);
      const withoutInterfaces = own.filter(({ type }) => !type.endsWith(":VmInterface"));
      expect(await ask(withoutInterfaces, planned)).toEqual(["web: placed-vms-have-interfaces"]);

      const announced = await Promise.all(
        own.map(({ type, urn, inputs }) => {
          const request = new proto.AnalyzeRequest()
            .setOptions(new proto.AnalyzerResourceOptions())
            .setType(type)
            .setUrn(urn)
            .setName(nameOf(urn));
          return violations((answer) => pack.analyze(request.setProperties(structOf(inputs)), answer));
        }),
      );
      expect(announced.flat().map((told) => told.split(": ")[1])).toEqual(["moves-are-announced"]);
    });
  },
);
