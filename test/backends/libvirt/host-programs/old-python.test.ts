/** The programs that run on hosts: under which Python they run, and what they do where there is no iproute2. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { need } from "../../../../toolchain/requirement.js";
import { pythons, vermin } from "../../../old-python.js";
import { scratch } from "../transport/keys.js";

const source = join(import.meta.dirname, "../../../../provider/backends/libvirt");
const text = (name: string) => readFileSync(join(source, name), "utf8");
const link = text("vf-settings/vf-link.py");
const programs = {
  announcer: link + text("announcer/announcer.py"),
  "vf-settings": link + text("vf-settings/vf-settings.py"),
  "port-probe": text("port-probe/port-probe.py"),
  "migration-stream": text("migration-stream/migration-stream.py"),
};

/** What vermin says of it, if it is for Python 3.6. */
function violations(program: string): string {
  const file = join(scratch(), "program.py");
  writeFileSync(file, program);
  const { stdout, status } = spawnSync(need(vermin), ["-t=3.6-", "--violations", "--no-tips", "--quiet", file], {
    encoding: "utf8",
  });
  return status === 0 ? "none" : stdout;
}

describe("the programs for hosts", () => {
  it.each(Object.entries(programs))("need nothing that Python 3.6 has not: %s", (_, program) => {
    expect(violations(program)).toBe("none");
  });

  it("would be found out by it", () => {
    const newer = 'import subprocess\nsubprocess.run(["ip"], capture_output=True)\n';
    expect(violations(newer)).toContain("subprocess.run(capture_output)");
    expect(violations("if (n := 1): pass\n")).toContain("3.8");
  });
});

/** Without its last line, which starts it. */
const functions = programs.announcer.replace(/\nmain\(\)\n$/, "\n");

const checks = `
GUEST = mac_bytes("52:54:00:aa:00:50")
said = {}
said["arp"] = arp(GUEST, socket.inet_aton("10.0.0.5"), bytes(4)).hex()
said["solicitation"] = len(solicitation(GUEST, eui64(GUEST), eui64(GUEST)))
said["further"] = further(bytes([1, 1, 54, 0, 168, 5, 34, 0, 16, 0]), 4).hex()

class Kernel:
    """Answers as the kernel does, and keeps what it was asked."""
    def __init__(self, answer):
        self.answer = answer
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def settimeout(self, seconds):
        pass
    def send(self, request):
        said.setdefault("asked", []).append(request.hex())
    def recv(self, _):
        return self.answer

def with_kernel(answer, act):
    real, socket.socket = socket.socket, lambda *_: Kernel(answer)
    try:
        return act()
    except OSError as error:
        return str(error)
    finally:
        socket.socket = real

socket.if_nametoindex = lambda name: 3
done = struct.pack("IHHIIi", 36, NLMSG_ERROR, 0, 1, 0, 0) + bytes(16)
refused = struct.pack("IHHIIi", 36, NLMSG_ERROR, 0, 1, 0, -95) + bytes(16)
vf = lambda number, mac, vlan: attribute(IFLA_VF_INFO, attribute(IFLA_VF_MAC, struct.pack("I32s", number, mac_bytes(mac)))
    + attribute(IFLA_VF_VLAN, struct.pack("III", number, vlan, 0)))
vfs = attribute(3, b"eth2\\0") + attribute(IFLA_VFINFO_LIST, vf(0, "02:00:00:00:00:01", 0) + vf(3, "52:54:00:aa:00:50", 100))
told = struct.pack("IHHII", 32 + len(vfs), RTM_NEWLINK, 0, 1, 0) + bytes(16) + vfs
# No ip is on the PATH.
said["set"] = with_kernel(done, lambda: set_vf("eth2", 3, "52:54:00:aa:00:50", 100))
said["refused"] = with_kernel(refused, lambda: set_vf("eth2", 3, "52:54:00:aa:00:50"))
said["read"] = with_kernel(told, lambda: vf_as_set("eth2", 3))
said["absent"] = with_kernel(told, lambda: vf_as_set("eth2", 4))
print(json.dumps(said))
`;

const fakeIp = `#!/bin/sh
echo "$@" >> "$0.log"
case "$*" in
  *refused*) echo "RTNETLINK answers: Operation not supported" >&2; exit 2;;
  *show*) echo '[{"vfinfo_list":[{"vf":0,"mac":"02:00:00:00:00:01"},{"vf":3,"address":"52:54:00:aa:00:50","vlan_list":[{"vlan":100}]}]}]';;
esac
`;

function run(python: string, program: string, path: string): unknown {
  return JSON.parse(
    execFileSync(python, ["-I", "-c", program], { env: { PATH: path }, encoding: "utf8", stdio: "pipe" }),
  ) as unknown;
}

const versionOf = (python: string) => execFileSync(python, ["-V"], { encoding: "utf8" }).trim();

describe.each(pythons().map((python) => [versionOf(python), python]))("under %s", (_, python) => {
  it("the announcer makes its frames, and sets and reads a VF by netlink where there is no ip", () => {
    // As iproute2 6.1 sends it (strace): ip link set DEV vf 3 mac 52:54:00:aa:00:50 vlan 100
    const set = [
      "6000000010000500010000000000000000000000030000000000000000000000",
      `400016003c0001002800010003000000525400aa0050${"00".repeat(26)}10000200030000006400000000000000`,
    ].join("");
    expect(run(python, functions + checks, "/nowhere")).toEqual({
      arp: `ffffffffffff525400aa005008060001080006040001525400aa0050${"00".repeat(10)}0a000005`,
      solicitation: 86,
      further: "01013a00a80526001000",
      set: null,
      refused: "[Errno 95] Operation not supported",
      read: { mac: "52:54:00:aa:00:50", vlan: 100 },
      absent: "eth2 tells nothing of its VF 4",
      asked: [set, expect.any(String), expect.any(String), expect.any(String)],
    });
  });

  it("the announcer gives the guest's MAC up as one of the bridge's uplinks when it is told so, and takes it again", async () => {
    const act = `
class Filter:
    def __init__(self, *_):
        say({"filter": "on"})
    def close(self):
        say({"filter": "off"})
taken_in, frames_of = Filter, lambda *_: socket.socketpair()[0]
mac_of, link_local_of, port_of = lambda _: bytes(6), lambda _: None, lambda *_: None
main()
`;
    const program = spawn(python, ["-I", "-c", functions + act], { stdio: ["pipe", "pipe", "inherit"] });
    const task = { bridge: "br0", mac: "52:54:00:aa:00:50", addresses: [], interval: 0.05, seconds: 20 };
    program.stdin.write(`${JSON.stringify(task)}\n`);
    let said = "";
    const heard = async (text: string) => {
      while (!said.includes(text)) said += String((await once(program.stdout, "data"))[0]);
    };
    await heard("ready");
    // "apart" without a filter is nothing.
    program.stdin.write("apart\nhere\napart\napart\nhere\ngone\n");
    while (said.split('"off"').length < 3) said += String((await once(program.stdout, "data"))[0]);
    program.kill();
    expect(said.match(/"filter": "\w+"/g)).toEqual(["on", "off", "on", "off"].map((state) => `"filter": "${state}"`));
  });

  it("ip sets and reads it where there is one, and its own words are told", () => {
    const folder = scratch();
    writeFileSync(join(folder, "ip"), fakeIp, { mode: 0o755 });
    const act = `
def tried(act):
    try:
        return act()
    except OSError as error:
        return str(error)
print(json.dumps([tried(lambda: set_vf("eth2", 3, "52:54:00:aa:00:50", 100)), tried(lambda: vf_as_set("eth2", 3)), tried(lambda: set_vf("refused", 0, "00:00:00:00:00:00"))]))
`;
    expect(run(python, functions + act, `${folder}:/usr/bin:/bin`)).toEqual([
      null,
      { mac: "52:54:00:aa:00:50", vlan: 100 },
      "RTNETLINK answers: Operation not supported",
    ]);
    expect(readFileSync(join(folder, "ip.log"), "utf8").split("\n")).toEqual([
      "link set eth2 vf 3 mac 52:54:00:aa:00:50 vlan 100",
      "-json link show dev eth2",
      "link set refused vf 0 mac 00:00:00:00:00:00",
      "",
    ]);
  });
});
