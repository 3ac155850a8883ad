/**
 * Calls whose answers the models of hosts (test/hosts) have from real ones: each is made to the lab's hosts by the variant's
 * test and to the models by a unit test, and both must answer as answers.json says.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Affect, Migrate } from "../../provider/backends/libvirt/constants.js";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import type { LibvirtConnection } from "../../provider/backends/libvirt/rpc/connection.js";
import { typed, typedParameters, type Domain } from "../../provider/backends/libvirt/rpc/datatypes.js";
import { LibvirtError, VIR_ERR } from "../../provider/backends/libvirt/rpc/errors.js";
import type { Configuration } from "../../provider/config/index.js";

/** VM `web` on host1, with its pair and what the variant gives it. */
export interface Asked {
  readonly host1: LibvirtConnection;
  readonly host2: LibvirtConnection;
  readonly dom: Domain;
}

export interface Question {
  readonly name: string;
  /** The variant whose hosts are asked. */
  readonly variant: string;
  readonly ask: (asked: Asked) => Promise<unknown>;
}

/** What came back: the parts that the product reads, or libvirt's refusal. */
export type Answer =
  { readonly returned: unknown } | { readonly code: string; readonly domain: number; readonly says: string };

const live = Migrate.LIVE | Migrate.PERSIST_DEST | Migrate.UNDEFINE_SOURCE;
const begin = (
  { host1, dom }: Asked,
  { flags = live, more = {} }: { flags?: number; more?: Parameters<typeof typedParameters>[0] } = {},
) => host1.call("domain_migrate_begin3_params", { dom, params: typedParameters(more), flags });
const confirm = ({ host1, dom }: Asked) =>
  host1.call("domain_migrate_confirm3_params", {
    dom,
    params: [],
    cookie_in: Buffer.alloc(0),
    flags: live | Migrate.CHANGE_PROTECTION,
    cancelled: 1,
  });
/** What a Begin returns: some cookie, and the VM's XML, with its VF. */
const begun = ({ cookie_out, xml }: { cookie_out: Buffer; xml: string }) => ({
  cookie: cookie_out.length > 0,
  xml: /<domain\b/.test(xml),
  vf: /<teaming type=['"]transient['"]/.test(xml),
});
const begins = async (asked: Asked) => begun(await begin(asked));

export const questions: readonly Question[] = [
  {
    name: "Begin, of a VM with its VF plugged, without protection",
    variant: "answers",
    ask: begins,
  },
  {
    name: "the job after such a Begin",
    variant: "answers",
    async ask(asked) {
      await begin(asked);
      const { host1, dom } = asked;
      return host1.call("domain_get_job_stats", { dom, flags: 0 });
    },
  },
  {
    name: "Confirm after such a Begin",
    variant: "answers",
    async ask(asked) {
      await begin(asked);
      return confirm(asked);
    },
  },
  {
    name: "Begin under protection, and its Confirm, cancelled",
    variant: "answers",
    async ask(asked) {
      const answer = begun(await begin(asked, { flags: live | Migrate.CHANGE_PROTECTION }));
      return { begun: answer, confirmed: await confirm(asked) };
    },
  },
  {
    name: "Begin with a list of disks, which are not to be copied",
    variant: "answers",
    ask: (asked) => begin(asked, { more: { migrate_disks: typed.string("vda") } }),
  },
  {
    name: "Begin with the copying of a disk that is not there",
    variant: "answers",
    ask: (asked) => begin(asked, { flags: live | (1 << 6), more: { migrate_disks: typed.string("vdz") } }),
  },
  {
    name: "Prepare on the very host that began",
    variant: "answers",
    async ask(asked) {
      const { host1 } = asked;
      const { cookie_out, xml } = await begin(asked);
      const params = typedParameters({ destination_xml: typed.string(xml) });
      return host1.call("domain_migrate_prepare3_params", { params, cookie_in: cookie_out, flags: live });
    },
  },
  {
    name: "QEMU's query-migrate, of a VM with its VF plugged",
    variant: "answers",
    async ask({ host1, dom }) {
      const cmd = JSON.stringify({ execute: "query-migrate" });
      const { result } = await host1.call("qemu_domain_monitor_command", { dom, cmd, flags: 0 });
      return (JSON.parse(result) as { return: unknown }).return;
    },
  },
  {
    name: "a domain that is not there",
    variant: "answers",
    ask: ({ host1 }) => host1.call("domain_lookup_by_name", { name: "nosuch" }),
  },
  {
    name: "a network that is not there",
    variant: "answers",
    ask: ({ host1 }) => host1.call("network_lookup_by_name", { name: "nosuch" }),
  },
  {
    name: "a node device that is not there",
    variant: "answers",
    ask: ({ host1 }) => host1.call("node_device_get_xml_desc", { name: "pci_0000_ff_1f_7", flags: 0 }),
  },
  {
    name: "an interface that is not there",
    variant: "answers",
    ask: ({ host1 }) => host1.call("interface_lookup_by_name", { name: "nosuch0" }),
  },
  {
    name: "an abort where there is no job",
    variant: "answers",
    ask: ({ host1, dom }) => host1.call("domain_abort_job", { dom }),
  },
  {
    name: "metadata that the VM does not have",
    variant: "answers",
    ask: ({ host1, dom }) => host1.call("domain_get_metadata", { dom, type: 2, uri: "urn:nosuch", flags: Affect.LIVE }),
  },
  { name: "Begin, of a VM whose disk is on the host alone", variant: "local-disk", ask: begins },
  {
    name: "Begin, of a VM whose disk is on the host alone, with its copying",
    variant: "local-disk",
    ask: async (asked) =>
      begun(await begin(asked, { flags: live | (1 << 6), more: { migrate_disks: typed.string("vda") } })),
  },
  { name: "Begin, of a VM whose disk is on NFS", variant: "nfs", ask: begins },
  { name: "Begin, of a VM of huge pages", variant: "hugepages", ask: begins },
  {
    name: "an interface, where libvirtd has no interface driver",
    variant: "interface-driver",
    ask: ({ host1 }) => host1.call("interface_lookup_by_name", { name: "br0" }),
  },
  {
    name: "all interfaces, where libvirtd has no interface driver",
    variant: "interface-driver",
    ask: ({ host1 }) => host1.call("connect_list_all_interfaces", { need_results: 1, flags: 0 }),
  },
  {
    name: "an interface, where virtinterfaced does not run",
    variant: "modular",
    ask: ({ host1 }) => host1.call("interface_lookup_by_name", { name: "br0" }),
  },
  { name: "Begin without TLS, where it is forced", variant: "tls", ask: begins },
];

/** Makes the calls of a variant, one after another. */
export async function answersOf(variant: string, configuration: Configuration): Promise<Record<string, Answer>> {
  const cluster = new LibvirtCluster(configuration);
  const [first, second] = [cluster.host("host1").dedicated(), cluster.host("host2").dedicated()];
  try {
    const [host1, host2] = [await first.connection(), await second.connection()];
    const { dom } = await host1.call("domain_lookup_by_name", { name: "web" });
    const answers: Record<string, Answer> = {};
    for (const { name, ask } of questions.filter((question) => question.variant === variant))
      answers[name] = await answerOf(() => ask({ host1, host2, dom }));
    return answers;
  } finally {
    await Promise.all([first.close(), second.close(), cluster.close()]);
  }
}

async function answerOf(ask: () => Promise<unknown>): Promise<Answer> {
  try {
    return { returned: plain(await ask()) };
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    const code = Object.entries(VIR_ERR).find(([, number]) => number === error.code)?.[0];
    return { code: code ?? String(error.code), domain: error.domain, says: error.libvirtMessage };
  }
}

/** As JSON has it. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? Number(each) : each));
  return JSON.parse(text);
}

const file = join(import.meta.dirname, "answers.json");

/** What the lab's hosts have answered, by the question. */
export function recorded(): Record<string, Answer> {
  return JSON.parse(readFileSync(file, "utf8")) as Record<string, Answer>;
}

/** Keeps what the lab's hosts answer, where VNIC_RECORD is set; else that must be what was kept. */
export function recordedNow(answers: Record<string, Answer>): Record<string, Answer | undefined> {
  const before = recorded();
  if (process.env["VNIC_RECORD"] === undefined)
    return Object.fromEntries(Object.keys(answers).map((name) => [name, before[name]]));
  writeFileSync(file, `${JSON.stringify({ ...before, ...answers }, undefined, 2)}\n`);
  return answers;
}
