/**
 * The test engine against recordings of a real one (4.5.7): each request is sent in its order, and status, headers, fault
 * and the elements of the body are compared.
 */
import { describe, expect, it } from "vitest";
import { parseXml } from "../../provider/xml/element.js";
import { firstInventory } from "./inventory.js";
import { named, newId, type Model } from "./model.js";
import { difference, differing } from "./recordings/compare.js";
import { recordings, type Recording } from "./recordings/recording.js";
import { Session, type Answer } from "./recordings/session.js";
import { TestEngine } from "./server.js";

/** Differences that stay, by the recording's label, with the reason. At most ten. */
const allowed: Readonly<Record<string, string>> = {
  "31q follow bogus": "the page that the servlet container makes of an exception has the engine's own stack trace",
  "50h accept-language de": "the test engine speaks English only, which our client asks for",
  "r31b host nics all content":
    "a VF that was returned has no status until the host is asked again, and which one that is, is chance",
};

/** `label`: under which it would be recorded. */
type Step = Pick<Recording, "request" | "body" | "options"> & { readonly label?: string };

const xml = (request: string, body: string, save?: string): Step => ({
  request,
  body,
  ...(save === undefined ? {} : { options: { save } }),
});

const profile = (name: string, network: string, save: string | undefined, more = ""): Step =>
  xml(
    "POST /vnicprofiles",
    `<vnic_profile><name>${name}</name><network id="{net:${network}}"/>${more}</vnic_profile>`,
    save,
  );

const passthrough = "<pass_through><mode>enabled</mode></pass_through><migratable>true</migratable>";

const nic = (vm: string, save: string, content: string, name = save): Step =>
  xml(`POST /vms/{vm:${vm}}/nics`, `<nic><name>${name}</name>${content}</nic>`, save);

/** What was done besides, and is not among the recordings: before which of them, if nothing recorded did it. */
const besides: Readonly<Record<string, readonly Step[]>> = {
  "02b migratable false": [
    profile("x-b", "data-vf", "b", `${passthrough}<failover id="{saved:virt2}"/>`),
    profile("x-pt2", "data-vf", "pt", passthrough),
  ],
  "09 PUT failover changed, VM (down) uses it": [
    nic("db", "n1", '<interface>pci_passthrough</interface><vnic_profile id="{saved:a}"/>', "pn1"),
  ],
  "24m migratable on non-pt": [
    { label: "24l", ...xml("PUT /vnicprofiles/{saved:sg}", "<vnic_profile><custom_properties/></vnic_profile>") },
  ],
  "30c JSON fault": [profile("x-json", "data", "json")],
  "31 list max=2": [
    {
      label: "24f",
      ...profile("x-24f", "data", undefined, "<network_filter><name>clean-traffic</name></network_filter>"),
    },
    profile("x-com", "data", "com", "<comment>c</comment>"),
  ],
  "41 GET NICs": [
    nic("db", "ep", "<vnic_profile/>"),
    nic("db", "off", '<linked>false</linked><plugged>false</plugged><vnic_profile id="{saved:virt}"/>'),
    nic("db", "rtl", '<interface>rtl8139</interface><vnic_profile id="{saved:virt}"/>'),
  ],
  "42d PUT NIC mac": [
    { label: "42c", ...xml("PUT /vms/{vm:db}/nics/{saved:e1}", "<nic><plugged>false</plugged></nic>") },
  ],
  "r02 fast": [profile("r-virt", "data", "virt")],
  "r05 hot add pt+failover": [nic("web", "h1", '<vnic_profile id="{saved:virt}"/>')],
  "r16b deactivate again": [{ label: "r16", ...xml("POST /vms/{vm:web}/nics/{saved:hp}/deactivate", "<action/>") }],
  "r19 activate": [
    { label: "r18", ...xml("PUT /vms/{vm:web}/nics/{saved:hp}", '<nic><vnic_profile id="{saved:nm}"/></nic>') },
  ],
  "r22 DELETE": [{ label: "r21", ...xml("POST /vms/{vm:web}/nics/{saved:hp}/deactivate", "<action/>") }],
  "r23 PUT profile used by running VM: description": [
    { label: "r22c", request: "DELETE /vms/{vm:web}/nics/{saved:h1}" },
  ],
  "r27 migrate to own host": [
    {
      label: "r26b",
      ...xml("POST /vms/{vm:web}/migrate", '<action><host id="12345678-1234-1234-1234-123456789012"/></action>'),
    },
  ],
  "r54 delete standby": [{ label: "r53", request: "DELETE /vnicprofiles/{saved:a}" }],
};

const all = await recordings();

/** The recordings of one session, and the inventory that they began with. */
const sessions = [
  { name: "profiles, and a VM that is down", of: all.filter(({ vm }) => vm === undefined), inventory: beforeHosts },
  { name: "a VM that runs", of: all.filter(({ vm }) => vm !== undefined), inventory: afterMoves },
];

describe("a real engine's recorded answers", () => {
  it("are almost all of them the test engine's, too", () => {
    expect(all.length).toBeGreaterThanOrEqual(220);
    expect(Object.keys(allowed).length).toBeLessThanOrEqual(10);
    expect(Object.keys(allowed).filter((label) => !all.some((each) => each.label === label))).toEqual([]);
  });

  it.each(sessions)("$name", async ({ of, inventory }) => {
    const engine = await TestEngine.start({ model: inventory(), stepMillis: "manual" });
    // The simulated VDSM of the recorded hosts had no command to update a device.
    engine.disruptions.add({ kind: "update-fails", message: "method not found", times: 1000 });
    try {
      const session = await Session.begin(engine);
      const differences: Record<string, string> = {};
      for (const recording of of) {
        for (const step of besides[recording.label] ?? []) if (!isRecorded(step, of)) await session.send(step);
        const answer = await session.send(recording);
        const found = await compared(session, recording, answer);
        if (found !== undefined) differences[recording.label] = found;
      }
      const unexpected = Object.entries(differences).filter(([label]) => !Object.hasOwn(allowed, label));
      expect(Object.fromEntries(unexpected)).toEqual({});
      const settled = of.map(({ label }) => label).filter((label) => label in allowed && !(label in differences));
      expect(settled, "differences that are none any more").toEqual([]);
    } finally {
      await engine.stop();
    }
  });
});

function isRecorded({ label, options }: Step, of: readonly Recording[]): boolean {
  return of.some((each) =>
    label === undefined ? each.options?.save === options?.save : each.label.split(" ")[0] === label,
  );
}

async function compared(session: Session, recording: Recording, answer: Answer): Promise<string | undefined> {
  if (answer.status !== recording.status) {
    return `${recording.status} <> ${answer.status} ${answer.body.slice(0, 500)}`;
  }
  const { "content-type": contentType, location } = recording.headers;
  if (contentType !== answer.contentType) return `${contentType ?? ""} <> ${answer.contentType ?? ""}`;
  const { location: there } = answer;
  const at = there && session.named(there).replaceAll(/\{[^{}]*\}/g, "<id>");
  if (location !== at) return `${location ?? ""} <> ${at ?? ""}`;
  const asked = recording.options?.headers?.["Correlation-Id"]?.replaceAll(/[^\w-]/g, "");
  if (asked !== undefined && asked !== answer.correlationId) return `Correlation-Id ${answer.correlationId ?? ""}`;
  const expected = session.expected(recording.answer);
  const answered = session.named(answer.body);
  return isCut(recording) && answer.status === 200
    ? cutDifference(session, recording, expected, answered)
    : difference(expected, answered);
}

/** A list that `max` cuts, of members that the engine has in no order. */
function isCut({ request, answer }: Recording): boolean {
  return /^GET \/(?:vnicprofiles|jobs)[?;]max=\d+$/.test(request) && answer.startsWith("<?xml");
}

/** As many members, each of which the whole list has. */
async function cutDifference(session: Session, recording: Recording, expected: string, answered: string) {
  const [wanted, got] = [parseXml(expected).children, parseXml(answered).children];
  if (wanted.length !== got.length) return `${wanted.length} members <> ${got.length}`;
  const whole = await session.send({ ...recording, request: recording.request.replace(/[?;].*/, "") });
  const there = parseXml(session.named(whole.body)).children;
  const odd = wanted.find((member) => there.every((each) => differing(member, each) !== undefined));
  return odd && `the whole list has no such <${odd.name}>: ${JSON.stringify(odd)}`;
}

/** As the recorded session found the engine: without hosts, and with what had been done to fill it. */
function beforeHosts(): Model {
  const model = firstInventory();
  model.hosts.clear();
  model.qos.clear();
  for (const vm of model.vms.values()) Object.assign(vm, { status: "down", host: undefined });
  setUpJobs(model);
  model.report({
    code: 1124,
    severity: "normal",
    correlationId: "corr-xyz",
    user: "admin@internal-authz",
    description:
      "VM network interface profile x-b was updated for network data-vf in Data Center: labdc. (User: admin@internal-authz)",
  });
  return model;
}

/** "web" has migrated before. */
function afterMoves(): Model {
  const model = firstInventory();
  Object.assign(named(model.vms, "web") ?? {}, { migrationProgress: 99 });
  setUpJobs(model);
  return model;
}

/** Of the administrator's attempts to fill the engine. */
function setUpJobs(model: Model): void {
  const vms = ["VM web in Cluster lab", "VM db in Cluster lab", "VM legacy in Cluster old"];
  const jobs = [
    ...["data", "data-vf", "ext"].map((name) => [`Adding network ${name} to Data Center: labdc`, "finished"] as const),
    ...vms.map((vm) => [`Creating ${vm}`, "failed"] as const),
    ...vms.map((vm) => [`Creating ${vm}`, "finished"] as const),
  ];
  for (const [description, status] of jobs) {
    const id = newId();
    model.jobs.set(id, { id, description, status, startTime: new Date(), endTime: new Date() });
  }
}
