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

/** Prepare of a post-copy that is to be resumed, of a VM that is not there: so a host is asked whether it wants TLS. */
const resumes = ({ host2 }: Asked) =>
  host2.call("domain_migrate_prepare3_params", {
    params: typedParameters({
      destination_xml: typed.string(
        "<domain type='qemu'><name>nosuch</name><memory>1024</memory><os><type>hvm</type></os></domain>",
      ),
    }),
    cookie_in: Buffer.alloc(0),
    flags: Migrate.LIVE | Migrate.POSTCOPY | Migrate.POSTCOPY_RESUME,
  });

const freePages = ({ host1 }: Asked, sizeKiB: number, startCell: number) =>
  host1.call("node_get_free_pages", { pages: [sizeKiB], startCell, cellCount: 1, flags: 0 });

/** A small VM whose NIC is on a root port that does not hot-plug. */
const fixedNic = `<domain type='qemu'><name>fixed</name><uuid>6f2c1f0e-7a4c-4c2e-9a3f-3c1b0d9e8f70</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<controller type='pci' index='0' model='pcie-root'/>
<controller type='pci' index='1' model='pcie-root-port'><target hotplug='off'/></controller>
<interface type='bridge'><mac address='52:54:00:aa:00:99'/><source bridge='br0'/><model type='virtio'/><alias name='ua-fixed'/>
<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface></devices></domain>`;

/** It is there, and its QEMU stands still, while it is asked for. */
async function whileThere<T>({ host1 }: Asked, xml: string, ask: (dom: Domain) => Promise<T>): Promise<T> {
  const { dom } = await host1.call("domain_define_xml_flags", { xml, flags: 0 });
  try {
    // VIR_DOMAIN_START_PAUSED
    await host1.call("domain_create_with_flags", { dom, flags: 1 });
    return await ask(dom);
  } finally {
    await host1.call("domain_destroy_flags", { dom, flags: 0 }).catch(() => undefined);
    await host1.call("domain_undefine_flags", { dom, flags: 0 });
  }
}

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
  {
    name: "Prepare of a post-copy that is to be resumed, of a VM that is not there",
    variant: "answers",
    ask: resumes,
  },
  {
    name: "the memory statistics of the whole host",
    variant: "answers",
    async ask({ host1 }) {
      const { params, nparams } = await host1.call("node_get_memory_stats", { nparams: 4, cellNum: -1, flags: 0 });
      return { nparams, fields: params.map(({ field }) => field), known: params.every(({ value }) => value >= 0n) };
    },
  },
  {
    name: "the memory statistics of the whole host, with another count of them",
    variant: "answers",
    ask: ({ host1 }) => host1.call("node_get_memory_stats", { nparams: 5, cellNum: -1, flags: 0 }),
  },
  {
    name: "free pages of a size that there is not, on a node",
    variant: "answers",
    ask: (asked) => freePages(asked, 3, 0),
  },
  {
    name: "free pages of a size that there is not, on the whole host",
    variant: "answers",
    ask: (asked) => freePages(asked, 3, -1),
  },
  {
    name: "the unplug of a NIC from a root port that does not hot-plug",
    variant: "answers",
    ask: (asked) =>
      whileThere(asked, fixedNic, (dom) =>
        asked.host1.call("domain_detach_device_alias", { dom, alias: "ua-fixed", flags: Affect.LIVE }),
      ),
  },
  {
    name: "free pages of 2 MiB, on a node",
    variant: "hugepages",
    async ask(asked) {
      const { counts } = await freePages(asked, 2048, 0);
      return { counts: counts.length, known: counts.every((count) => count >= 0n) };
    },
  },
  {
    name: "free pages of 2 MiB, on the whole host",
    variant: "hugepages",
    async ask(asked) {
      const [{ counts: onNode }, { counts }] = [await freePages(asked, 2048, 0), await freePages(asked, 2048, -1)];
      return { counts: counts.length, asOnItsOnlyNode: counts[0] === onNode[0] };
    },
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
  { name: "Prepare without TLS, where it is forced", variant: "tls", ask: resumes },
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
