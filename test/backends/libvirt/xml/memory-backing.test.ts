import { describe, expect, it } from "vitest";
import { parseDomain } from "../../../../provider/backends/libvirt/xml/domain.js";
import {
  memoryBackingOf,
  withMemoryAllocated,
  type MemoryBacking,
} from "../../../../provider/backends/libvirt/xml/memory-backing.js";
import { formatXml, parseXml } from "../../../../provider/xml/element.js";

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

describe("memory that is taken when QEMU starts", () => {
  const domain = (backing = "") => parseXml(`<domain><name>web</name>${backing}</domain>`);
  const backingOf = (backing?: string) =>
    /<memoryBacking>[^]*<\/memoryBacking>/
      .exec(formatXml(withMemoryAllocated(domain(backing))))?.[0]
      .replace(/\s*\n\s*/g, "");

  it("is asked for where the domain says nothing of it", () => {
    expect(backingOf()).toBe('<memoryBacking><allocation mode="immediate"/></memoryBacking>');
  });

  it("is asked for beside what else the owner has written", () => {
    expect(backingOf('<memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>')).toBe(
      '<memoryBacking><source type="memfd"/><access mode="shared"/><allocation mode="immediate"/></memoryBacking>',
    );
  });

  it.each(["<allocation mode='ondemand'/>", "<allocation mode='immediate' threads='8'/>", "<hugepages/>"])(
    "is as the owner wants it: %s",
    (written) => {
      const owned = domain(`<memoryBacking>${written}</memoryBacking>`);
      expect(withMemoryAllocated(owned)).toBe(owned);
    },
  );
});
