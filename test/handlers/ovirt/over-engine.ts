/** The handlers over a test engine: what a stack's configuration and Pulumi would give them. */
import type { EngineClient } from "../../../provider/backends/ovirt/rest/index.js";
import type { HandlerContext, StackConfig } from "../../../provider/handlers/handler.js";
import { vmInterface } from "../../../provider/handlers/ovirt/vm-interface.js";
import { vnicProfile } from "../../../provider/handlers/ovirt/vnic-profile.js";
import type { VnicProfileInputs } from "../../../provider/handlers/inputs/vnic-profile.js";
import type { VmInterfaceInputs } from "../../../provider/handlers/inputs/vm-interface.js";
import { startEngine } from "../../engine/engine.js";
import { named, type Nic, type Vm } from "../../engine/model.js";
import type { TestEngine, TestEngineOptions } from "../../engine/server.js";

export interface OverEngine {
  readonly engine: TestEngine;
  readonly client: EngineClient;
  readonly config: StackConfig;
  readonly warnings: string[];
  readonly infos: string[];
  readonly steps: string[];
  context(more?: Partial<HandlerContext>): HandlerContext;
  vm(name: string): Vm;
  nic(vm: string, name: string): Nic;
  /** The kinds of the VM's devices: a pair has a `hostdev` and a `bridge`. */
  kinds(vm: string): readonly string[];
}

/** Migrations take a few steps of some ms each, by themselves. */
export async function overEngine(
  options: TestEngineOptions = {},
  { cluster = "lab", password }: { readonly cluster?: string; readonly password?: string } = {},
): Promise<OverEngine> {
  const { engine, client } = await startEngine({ stepMillis: 5, ...options });
  const { url, username, caFile } = engine.address;
  const config: StackConfig = {
    ovirt: JSON.stringify({ url, username, caFile, cluster }),
    ovirtPassword: password ?? engine.address.password,
  };
  const warnings: string[] = [];
  const infos: string[] = [];
  const steps: string[] = [];
  const progress = {
    report: ({ phase, percent }: { phase: string; percent?: number }) =>
      void steps.push(percent === undefined ? phase : `${phase} ${percent}`),
    info: (message: string) => void infos.push(message),
    warn: (message: string) => void warnings.push(message),
    done: () => undefined,
  };
  const vm = (name: string): Vm => named(engine.model.vms, name) ?? missing(name);
  return {
    engine,
    client,
    config,
    warnings,
    infos,
    steps,
    context: (more = {}) => ({ config, progress, ...more }),
    vm,
    nic: (owner, name) => vm(owner).nics.find((nic) => nic.name === name) ?? missing(name),
    kinds: (name) =>
      engine
        .devices(name)
        .map(({ kind }) => kind)
        .sort(),
  };
}

function missing(name: string): never {
  throw new Error(`the test engine has no "${name}"`);
}

/** Who does what a test does to the engine by itself. */
export const administrator = { user: "admin@internal-authz" };

export const urn = (kind: string, name: string) => `urn:pulumi:dev::demo::vnic:${kind}::${name}`;

export const standbyInputs: VnicProfileInputs = {
  name: "data",
  network: "data",
  passThrough: "disabled",
  migratable: false,
  portMirroring: false,
  customProperties: {},
};

export const fastInputs: VnicProfileInputs = {
  ...standbyInputs,
  name: "fast",
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
};

export interface DeclaredProfiles {
  readonly standby: string;
  readonly fast: string;
}

export async function declareProfiles(over: OverEngine): Promise<DeclaredProfiles> {
  const { id: standby } = await vnicProfile.create(over.context(), standbyInputs);
  const { id: fast } = await vnicProfile.create(over.context(), { ...fastInputs, failover: standby });
  return { standby, fast };
}

/** A NIC "nic" of profile "fast", and its standby. */
export async function declarePair(over: OverEngine, more: Partial<VmInterfaceInputs> = {}) {
  const profiles = await declareProfiles(over);
  const inputs: VmInterfaceInputs = { vm: "web", profile: profiles.fast, plugged: true, linked: true, ...more };
  const made = await vmInterface.create(over.context({ urn: urn("VmInterface", "nic") }), inputs);
  return { ...profiles, ...made, inputs };
}
