/** The program that runs on hosts, on this machine's own kernel: bridges, taps and packet sockets in a namespace of their own. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { pythons } from "../old-python.js";
import { labSkipped } from "./lab.js";

const source = join(import.meta.dirname, "../../provider/backends/libvirt");
const program = ["vf-settings/vf-link.py", "announcer/announcer.py"]
  .map((name) => readFileSync(join(source, name), "utf8"))
  .join("");
const scene = readFileSync(join(import.meta.dirname, "announcer-sockets.py"), "utf8");

const copied = z.strictObject({ sent: z.number(), heard: z.array(z.string()) });
const answer = z.strictObject({
  filter: z.tuple([z.boolean(), z.boolean()]),
  below: z.array(z.string()),
  taps: z.array(z.string()),
  copied: z.strictObject({ plain: copied, tagged: copied }),
  spared: z.array(z.tuple([z.boolean(), z.number()])),
  further: z.string(),
  unchecked: z.string(),
  tag: z.string(),
  untagged: z.string(),
  far: z.string(),
  wire: z.tuple([z.boolean(), z.boolean()]),
  asked: z.array(z.tuple([z.string(), z.string(), z.number()])),
  port: z.string().nullable(),
  glimpsed: z.array(z.tuple([z.string(), z.string()])),
  elsewhere: z.array(z.tuple([z.string(), z.string()])),
  answering: z.array(z.tuple([z.string(), z.string()])),
});

const hex = (text: string) => Buffer.from(text).toString("hex");

describe.skipIf(labSkipped !== undefined).each(pythons())(
  "what the announcer does beside asking, with %s",
  (python) => {
    let seen: z.output<typeof answer>;
    beforeAll(() => {
      const functions = program.replace(/\nmain\(\)\n$/, "\n");
      expect(functions).not.toBe(program);
      // Needs root, as the lab does.
      const stdout = execFileSync("unshare", ["--net", "--mount", python, "-c", functions + scene], {
        encoding: "utf8",
        env: { ...process.env, ANNOUNCER: program },
      });
      seen = answer.parse(JSON.parse(stdout));
    });

    it("has the uplinks take in frames for the guest, for as long as it lives there", () => {
      expect(seen.filter).toEqual([true, false]);
      expect(seen.taps).toEqual(["vnet0"]);
      expect(seen.below).toEqual(["br0", "vnet0", "wire0"]);
    });

    it("passes frames for the guest alone on to its VF, by the PF's own address, and none that come back", () => {
      const { sent, heard } = seen.copied.plain;
      expect(sent).toBe(1);
      expect(heard).toEqual([expect.stringMatching(`^525400aa005002000000000188b5${hex("for the guest")}`)]);
    });

    it("waits where that takes much of a CPU, until the guest hears nothing else", () => {
      expect(seen.spared).toEqual([
        [false, 1],
        [true, 0],
        [false, 1],
        [false, 1],
      ]);
    });

    it("tags them where the PF keeps the VF in a VLAN", () => {
      const { sent, heard } = seen.copied.tagged;
      expect(sent).toBe(1);
      expect(heard).toEqual([expect.stringMatching(`^525400aa00500200000000018100006488b5${hex("for the guest")}`)]);
    });

    it("keeps a frame's own tag, and the place of its checksum", () => {
      expect([seen.tag, seen.untagged]).toEqual(["81000007", ""]);
      expect(seen.further).toBe(Buffer.from(new Uint8Array([1, 1, 58, 0, 168, 5, 38, 0, 16, 0])).toString("hex"));
      expect(seen.unchecked).toBe("00".repeat(10));
    });

    it("X30: does not end over a header whose places are beyond any frame", () => {
      expect(seen.far).toBe(Buffer.from(new Uint8Array([1, 1, 255, 255, 168, 5, 255, 255, 16, 0])).toString("hex"));
    });

    it("X19: gets the guest's frames only, believes two addresses of them, and asks as the host itself where it can", () => {
      expect(seen.wire).toEqual([false, true]);
      const [first, second, third, ...more] = seen.asked;
      expect(more).toEqual([]);
      // One is the task's own. 20 a second at most for each.
      expect([first, second, third].map((each) => each?.slice(0, 2))).toEqual([
        ["10.10.0.101", "0.0.0.0"],
        ["10.9.0.100", "10.9.0.1"],
        ["10.9.0.50", "10.9.0.1"],
      ]);
      for (const [, , count] of seen.asked) expect(count).toBeLessThanOrEqual(45);
    });

    it("tells a port where frames by the guest's MAC come in from one where the guest answers when it has its VF", () => {
      expect(seen.glimpsed).toEqual([["port", "wire0"]]);
      expect(seen.elsewhere).toEqual([]);
      expect(seen.answering).toEqual([["answers", "wire0"]]);
    });

    it("finds the guest's port among more MACs than a page of the bridge's table holds", () => {
      expect(seen.port).toBe("wire0");
    });
  },
);
