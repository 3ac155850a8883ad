/** Where the lab's Debian comes from: the machine's own apt configuration. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { debianMirror, parseAptSources } from "../../toolchain/apt-sources.js";
import { machinesDebianMirror } from "../../toolchain/debian.js";

const deb822 = `# See sources.list(5)
Types: deb deb-src
# A comment between two fields
URIs: http://mirror.example/debian/
Suites: trixie
 trixie-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
`;

const oneLine = `#deb http://commented.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_ - Official amd64]/ bookworm main
deb-src http://mirror.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://packages.example/debian/12/prod bookworm main
deb [arch=amd64] https://docker.example/linux/debian bookworm stable
deb [ arch=amd64 ] https://mirror.example/some/debian bookworm main contrib # the nearest
`;

const mirrorIn = (name: string, text: string, codename: string) =>
  debianMirror(parseAptSources([{ name, text }]), codename);

describe("apt's files are read", () => {
  test("in deb822, without sources, disabled stanzas and comments", () => {
    expect(parseAptSources([{ name: "debian.sources", text: deb822 }])).toEqual([
      { uri: "http://mirror.example/debian", suites: ["trixie", "trixie-updates"], components: ["main", "contrib"] },
      { uri: "http://mirror.example/debian-security", suites: ["trixie-security"], components: ["main"] },
    ]);
  });

  test("with one source a line", () => {
    expect(parseAptSources([{ name: "sources.list", text: oneLine }])).toEqual([
      { uri: "cdrom:", suites: ["bookworm"], components: ["main"] },
      { uri: "http://security.example/debian-security", suites: ["bookworm-security"], components: ["main"] },
      { uri: "https://packages.example/debian/12/prod", suites: ["bookworm"], components: ["main"] },
      { uri: "https://docker.example/linux/debian", suites: ["bookworm"], components: ["stable"] },
      { uri: "https://mirror.example/some/debian", suites: ["bookworm"], components: ["main", "contrib"] },
    ]);
  });
});

describe("Debian's mirror is", () => {
  test.each([
    [
      "that of the release, not its security archive",
      "debian.sources",
      deb822,
      "trixie",
      "http://mirror.example/debian",
    ],
    ["not a disc, nor another publisher's", "sources.list", oneLine, "bookworm", "https://mirror.example/some/debian"],
    [
      "the one with the release's updates, whatever its path",
      "sources.list",
      "deb http://a.example/debian bookworm main\ndeb http://b.example/x bookworm main\ndeb http://b.example/x bookworm-updates main",
      "bookworm",
      "http://b.example/x",
    ],
    [
      "named after a suite that moves on",
      "x.list",
      "deb http://chrome.example/linux/ stable main\ndeb http://a.example/debian testing main",
      "forky",
      "http://a.example/debian",
    ],
    ["none of another release's", "debian.sources", deb822, "bookworm", undefined],
    ["none where there are no sources", "sources.list", "", "bookworm", undefined],
  ])("%s", (_, name, text, codename, mirror) => {
    expect(mirrorIn(name, text, codename)).toBe(mirror);
  });
});

describe("of a machine", () => {
  const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-apt-"));
  afterAll(() => rmSync(scratch, { recursive: true }));
  let count = 0;
  const machine = (files: Readonly<Record<string, string>>) => {
    const folder = join(scratch, String(++count));
    for (const [name, text] of Object.entries(files)) {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    return folder;
  };
  const debian = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\nID=debian\n';

  test("it is in sources.list.d", () => {
    const root = machine({ "etc/os-release": debian, "etc/apt/sources.list.d/debian.sources": deb822 });
    expect(machinesDebianMirror({}, root)).toBe("http://mirror.example/debian");
  });

  test("it is the first in a file of mirrors", () => {
    const root = machine({
      "etc/os-release": debian,
      "etc/apt/sources.list": "deb mirror+file:/etc/apt/mirrors/debian.list trixie main",
      "etc/apt/mirrors/debian.list": "https://first.example/debian/\tpriority:1\nhttps://second.example/debian\n",
    });
    expect(machinesDebianMirror({}, root)).toBe("https://first.example/debian");
  });

  test("it is what the environment says", () => {
    expect(machinesDebianMirror({ VNIC_LAB_MIRROR: "http://given.example/debian" }, machine({}))).toBe(
      "http://given.example/debian",
    );
  });

  test("it is missing, and what to do is said", () => {
    const text = "deb http://security.example/debian-security trixie-security main\n";
    const root = machine({ "etc/os-release": debian, "etc/apt/sources.list": text });
    expect(() => machinesDebianMirror({}, root)).toThrow(
      'Neither /etc/apt/sources.list nor /etc/apt/sources.list.d names a Debian mirror with "trixie main". Set VNIC_LAB_MIRROR to the URL of a Debian mirror.',
    );
  });

  test("it is not looked for on another distribution", () => {
    const root = machine({
      "etc/os-release": "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n",
      "etc/apt/sources.list": "deb http://a.example/ubuntu noble main",
    });
    expect(() => machinesDebianMirror({}, root)).toThrow(/This machine is no Debian/);
  });
});
