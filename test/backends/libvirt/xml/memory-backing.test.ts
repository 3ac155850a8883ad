import { describe, expect, it } from "vitest";
import { parseDomain } from "../../../../provider/backends/libvirt/xml/domain.js";
import { memoryBackingOf, type MemoryBacking } from "../../../../provider/backends/libvirt/xml/memory-backing.js";

function backing(xml: string, memory = "<memory unit='KiB'>16777216</memory>"): MemoryBacking {
  const domain = parseDomain(
    `<domain type='kvm'><name>web</name><uuid>11111111-2222-4333-8444-000000000050</uuid>${memory}${xml}<devices/></domain>`,
  );
  return memoryBackingOf(domain.raw, domain.memoryKiB);
}

const pages = (xml: string) => `<memoryBacking><hugepages>${xml}</hugepages></memoryBacking>`;
const gib = 1_048_576;
const cells = `<cpu><numa><cell id='0' cpus='0' memory='8' unit='GiB'/><cell id='1' cpus='1' memory='${8 * gib}'/></numa></cpu>`;

describe("what a domain's memory is made of", () => {
  it("is ordinary pages without a word of huge ones", () => {
    expect(backing("")).toEqual({ plainKiB: 16 * gib, hugepages: [] });
    expect(backing("<memoryBacking><locked/></memoryBacking>")).toEqual({ plainKiB: 16 * gib, hugepages: [] });
  });

  it("is huge pages of their size", () => {
    const whole = { plainKiB: 0, hugepages: [{ sizeKiB: gib, memoryKiB: 16 * gib }] };
    expect(backing(pages("<page size='1048576' unit='KiB'/>"))).toEqual(whole);
    expect(backing(pages("<page size='1' unit='G'/>"))).toEqual(whole);
    expect(backing(pages(""))).toEqual({ plainKiB: 0, hugepages: [{ sizeKiB: 2048, memoryKiB: 16 * gib }] });
  });

  it("is ordinary pages where the page is one", () => {
    expect(backing(pages("<page size='4' unit='KiB'/>"))).toEqual({ plainKiB: 16 * gib, hugepages: [] });
  });

  it("is told apart by the guest's NUMA nodes", () => {
    expect(backing(`${pages("<page size='1' unit='GiB' nodeset='1'/>")}${cells}`)).toEqual({
      plainKiB: 8 * gib,
      hugepages: [{ sizeKiB: gib, memoryKiB: 8 * gib }],
    });
    expect(backing(`${pages("<page size='2' unit='MiB'/><page size='1' unit='GiB' nodeset='0-0'/>")}${cells}`)).toEqual(
      {
        plainKiB: 0,
        hugepages: [
          { sizeKiB: gib, memoryKiB: 8 * gib },
          { sizeKiB: 2048, memoryKiB: 8 * gib },
        ],
      },
    );
  });

  it("comes from the host's NUMA nodes that are strict", () => {
    const page = pages("<page size='1' unit='GiB'/>");
    expect(backing(`${page}<numatune><memory mode='strict' nodeset='0-3,^2'/></numatune>`).hugepages).toEqual([
      { sizeKiB: gib, memoryKiB: 16 * gib, hostNodes: [0, 1, 3] },
    ]);
    expect(backing(`${page}<numatune><memory mode='interleave' nodeset='0-3'/></numatune>`).hugepages).toEqual([
      { sizeKiB: gib, memoryKiB: 16 * gib },
    ]);
    expect(
      backing(
        `${page}${cells}<numatune><memory nodeset='0'/><memnode cellid='1' mode='strict' nodeset='1'/></numatune>`,
      ).hugepages,
    ).toEqual([
      { sizeKiB: gib, memoryKiB: 8 * gib, hostNodes: [0] },
      { sizeKiB: gib, memoryKiB: 8 * gib, hostNodes: [1] },
    ]);
  });

  it.each(["", "x", "0-", "1-99999", "^", `0${",0".repeat(600)}`])(
    "leaves out nodes that cannot be read: %j",
    (set) => {
      const page = pages("<page size='1' unit='GiB'/>");
      expect(backing(`${page}<numatune><memory mode='strict' nodeset='${set}'/></numatune>`).hugepages).toEqual([
        { sizeKiB: gib, memoryKiB: 16 * gib },
      ]);
    },
  );
});
