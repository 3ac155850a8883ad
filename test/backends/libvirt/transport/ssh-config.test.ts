/** OpenSSH's client configuration, held against `ssh -G`. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { SshError } from "../../../../provider/backends/libvirt/transport/index.js";
import { readSshConfig } from "../../../../provider/backends/libvirt/transport/ssh-config-files.js";
import { settingsOf } from "../../../../provider/backends/libvirt/transport/ssh-config.js";
import { targetOf, type SshTarget } from "../../../../provider/backends/libvirt/transport/ssh-target.js";
import { parseLibvirtUri } from "../../../../provider/config/host-uri.js";
import { need } from "../../../../toolchain/requirement.js";
import { ssh } from "../../../programs.js";
import { scratch } from "./keys.js";

let home: string;
beforeEach(() => {
  home = scratch();
  mkdirSync(join(home, ".ssh"));
  vi.stubEnv("HOME", home);
  vi.stubEnv("SSH_AUTH_SOCK", "/run/agent");
});

function write(name: string, text: string): string {
  const file = join(home, ".ssh", name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

async function target(text: string, uri = "qemu+ssh://kvm1/system", name = "config"): Promise<SshTarget> {
  const parsed = parseLibvirtUri(uri);
  if (parsed.transport !== "ssh") throw new Error("is of SSH");
  return targetOf(parsed, write(name, text));
}

const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => expect.unreachable(),
    (error: unknown) => {
      expect(error).toBeInstanceOf(SshError);
      expect((error as SshError).problem.code).toBe("ssh-config");
      return (error as SshError).message;
    },
  );

describe("the SSH configuration", () => {
  it("says where a host is, and as whom and with what it is logged in to", async () => {
    const found = await target(
      [
        "Host kvm1",
        "  HostName 10.1.0.7",
        "  Port 2222",
        "  User virt",
        "  IdentityFile ~/.ssh/%r-%n",
        "  IdentitiesOnly yes",
        "  IdentityAgent ~/agent.sock",
        "  UserKnownHostsFile ~/.ssh/k1 ~/.ssh/k2",
        "  GlobalKnownHostsFile none",
        "Host *",
        "  User nobody",
        "  IdentityFile ~/.ssh/second",
      ].join("\n"),
    );
    expect(found).toMatchObject({
      host: "10.1.0.7",
      port: 2222,
      user: "virt",
      knownAs: { host: "10.1.0.7", port: 2222 },
      knownHosts: { user: [join(home, ".ssh/k1"), join(home, ".ssh/k2")], system: [] },
      keyFiles: [
        { file: join(home, ".ssh/virt-kvm1"), required: false },
        { file: join(home, ".ssh/second"), required: false },
      ],
      identitiesOnly: true,
      agent: join(home, "agent.sock"),
    });
  });

  it("comes after what the URI says", async () => {
    const found = await target(
      "Host kvm1\n Port 2222\n User virt\n IdentityFile ~/.ssh/b\n UserKnownHostsFile ~/.ssh/k",
      "qemu+ssh://root@kvm1:22/system?keyfile=/a&known_hosts=/k",
    );
    expect(found).toMatchObject({ port: 22, user: "root", knownHosts: { user: ["/k"], system: [], named: true } });
    expect(found.keyFiles.map(({ file }) => file)).toEqual(["/a", join(home, ".ssh/b")]);
  });

  it("of no user's says the usual", async () => {
    expect(await target("")).toMatchObject({
      host: "kvm1",
      port: 22,
      user: userInfo().username,
      knownHosts: {
        user: ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"],
        system: ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        named: false,
      },
      keyFiles: [],
      agent: "/run/agent",
      hostKeyCheck: "strict",
    });
  });

  it("names the host in known_hosts by its alias, whatever its port", async () => {
    expect((await target("Host kvm1\n HostName 10.1.0.7\n Port 2222\n HostKeyAlias rack3")).knownAs).toEqual({
      host: "rack3",
      port: 22,
    });
  });

  it("is the user's own, and can be switched off", async () => {
    write("config", "Host kvm1\n HostName 10.1.0.7");
    const uri = parseLibvirtUri("qemu+ssh://kvm1/system");
    if (uri.transport !== "ssh") throw new Error("is of SSH");
    expect((await targetOf(uri, undefined, {})).host).toBe("10.1.0.7");
    expect((await targetOf(uri, "none", {})).host).toBe("kvm1");
    expect((await targetOf(uri, undefined, { VNIC_FAILOVER_SSH_CONFIG: "none" })).host).toBe("kvm1");
    expect((await targetOf(uri, write("other", "HostName other"), {})).host).toBe("other");
  });

  it("that was named has to be there", async () => {
    const uri = parseLibvirtUri("qemu+ssh://kvm1/system");
    if (uri.transport !== "ssh") throw new Error("is of SSH");
    expect(await refusal(targetOf(uri, "/nowhere/config"))).toMatch(
      /Unable to read \/nowhere\/config: it does not exist/,
    );
  });

  it.each([0o620, 0o602])("that others may write is refused (%o)", async (mode) => {
    chmodSync(write("config", "Host kvm1\n User virt"), mode);
    const uri = parseLibvirtUri("qemu+ssh://kvm1/system");
    if (uri.transport !== "ssh") throw new Error("is of SSH");
    expect(await refusal(targetOf(uri, undefined, {}))).toMatch(/other users of this machine may write it.*chmod go-w/);
  });

  it("that is included and others may write is refused", async () => {
    chmodSync(write("more", "Host kvm1\n User virt"), 0o622);
    expect(await refusal(target("Include more"))).toMatch(/more: other users of this machine may write it/);
  });

  it("that includes itself is refused", async () => {
    expect(await refusal(target("Include config"))).toMatch(/its Include lines nest more than 16 levels/);
  });

  it("leads over jump hosts, each with its own user, port and keys", async () => {
    const found = await target(
      [
        "Host kvm1",
        "  ProxyJump ops@outer:2200,inner",
        "  IdentityFile ~/.ssh/kvm",
        "Host outer",
        "  HostName outer.example",
        "  IdentityFile ~/.ssh/outer",
        "Host inner",
        "  User in",
        "  HostKeyAlias rack",
        "  ProxyJump elsewhere",
      ].join("\n"),
      "qemu+ssh://kvm1/system?no_verify=1&known_hosts=/k",
    );
    const { jump: inner } = found;
    const outer = inner?.jump;
    expect(found.hostKeyCheck).toBe("accept-new");
    // The URI's word is about its own host.
    expect(inner).toMatchObject({
      host: "inner",
      user: "in",
      keyFiles: [],
      knownAs: { host: "rack", port: 22 },
      hostKeyCheck: "strict",
      onTheWayTo: "kvm1",
    });
    expect(outer).toMatchObject({ host: "outer.example", user: "ops", port: 2200, onTheWayTo: "kvm1" });
    expect(outer?.keyFiles.map(({ file }) => file)).toEqual([join(home, ".ssh/outer")]);
    expect(outer?.jump).toBeUndefined();
  });

  it("that leads to a jump host through that host itself is refused", async () => {
    expect(await refusal(target("Host *\n ProxyJump bastion"))).toMatch(/more than 8 jump hosts.*ProxyJump none/);
  });

  it.each([
    [
      "ProxyCommand",
      "ProxyCommand nc %h %p",
      /config:2: ProxyCommand is not supported.*Use ProxyJump\. .*add command=ssh/,
    ],
    ["CanonicalizeHostname", "CanonicalizeHostname yes", /config:2: CanonicalizeHostname is not supported/],
    ["RevokedHostKeys", "RevokedHostKeys /k", /@revoked lines in known_hosts/],
    ["a jump host that is none", "ProxyJump a b", /config:2 \(proxyjump\): it has more than one value/],
    ["a blank after the comma", 'ProxyJump "a, b"', /"\s?b" is not a valid jump host/],
    ["a port that is none", "Port 0", /config:2: its Port is not a number/],
    ["a host's name that is none", "HostName -oProxyCommand=x", /config:2: its HostName is not a valid host name/],
    ["a token that is not known", "IdentityFile ~/.ssh/%C", /"%C" is not supported/],
    ["a variable that is not set", "IdentityFile ${NOT_SET_HERE}/k", /environment variable NOT_SET_HERE is not set/],
    ["an option without a value", "User", /config:2 \(user\): its value is missing/],
    ["a quote that does not end", 'User "virt', /config:2 \(user\): its value is missing, or a quote/],
    ["single quotes", "IdentityFile '/a b'", /use double quotes/],
    ["a # in a word", "IdentityFile /a#b", /a word that contains "#" must be in double quotes/],
    ["a pattern that is not understood", "Include [ab]*", /only the wildcards \* and \?/],
  ])("with %s is refused for the hosts it is about, and for no other", async (_, line, message) => {
    const text = `Host kvm1\n ${line}\n User virt`;
    expect(await refusal(target(text))).toMatch(message);
  });

  it("with what is not supported of another host is no matter", async () => {
    const text = "Host kvm2\n ProxyCommand nc %h %p\nHost kvm1\n ProxyCommand none\n User virt";
    expect(await target(text)).toMatchObject({ user: "virt" });
  });

  it("that runs a program to decide is refused only where something is to be decided", async () => {
    expect(await target('Match host kvm1 exec "true"\n SendEnv LANG\nHost *\n User virt')).toMatchObject({
      user: "virt",
    });
    expect(await refusal(target('Match host kvm1 exec "true"\n HostName other'))).toMatch(
      /Unable to decide whether .*config:2 \(hostname\) applies: the Match criterion "exec" in .*config:1 is not supported/,
    );
    expect(await target('Match host kvm2 exec "true"\n HostName other')).toMatchObject({ host: "kvm1" });
    expect(await target('Host *\n User virt\nMatch exec "true"\n User other')).toMatchObject({ user: "virt" });
  });

  it("that asks for a certificate says so where a login fails", async () => {
    expect((await target("CertificateFile ~/.ssh/id-cert.pub")).loginNotes).toEqual([
      expect.stringMatching(/^certificate of .*config:1 \(CertificateFile: it needs command=ssh\)$/),
    ]);
  });
});

describe("as ssh -G reads it", () => {
  /** What ssh itself makes of a file. */
  function bySsh(file: string, host: string, user: string | undefined): Record<string, readonly string[]> {
    const output = execFileSync(
      need(ssh),
      ["-G", "-F", file, ...(user === undefined ? [] : ["-l", user]), "--", host],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    const found: Record<string, string[]> = {};
    for (const line of output.split("\n")) {
      const [keyword = "", ...rest] = line.split(" ");
      (found[keyword] ??= []).push(rest.join(" "));
    }
    return found;
  }

  async function compare(file: string, host: string, user: string | undefined): Promise<void> {
    const settings = settingsOf(await readSshConfig(file), { host, user, localUser: userInfo().username });
    const expected = bySsh(file, host, user);
    const hostName = settings.hostName?.value.replaceAll("%h", host) ?? host;
    expect({
      hostname: hostName.toLowerCase(),
      port: settings.port?.value ?? "22",
      user: user ?? settings.user?.value ?? userInfo().username,
      proxyjump: settings.proxyJump?.value,
      hostkeyalias: settings.hostKeyAlias?.value,
      identitiesonly: settings.identitiesOnly?.value ?? "no",
      identityfile: settings.identityFiles.map(({ value }) => value),
    }).toEqual({
      hostname: expected["hostname"]?.[0],
      port: expected["port"]?.[0],
      user: expected["user"]?.[0],
      proxyjump: expected["proxyjump"]?.[0],
      hostkeyalias: expected["hostkeyalias"]?.[0],
      identitiesonly: expected["identitiesonly"]?.[0],
      // Without any, ssh lists the usual ones.
      identityfile: settings.identityFiles.length === 0 ? [] : expected["identityfile"],
    });
  }

  const name = fc.constantFrom("a", "b", "ab", "B", "a.b");
  const pattern = fc.constantFrom("a", "b", "a*", "*", "?", "!a", "!b*", "B", "a.?");
  const value = fc.constantFrom("x", "a", "b", "a.b");
  const option = fc.oneof(
    value.map((each) => `HostName ${each}`),
    fc.constant("HostName %h.b"),
    value.map((each) => `User ${each}`),
    fc.constantFrom("1", "22", "2222").map((each) => `Port=${each}`),
    value.map((each) => `IdentityFile "/k/${each}"`),
    value.map((each) => `identityfile /k/${each} # a comment`),
    fc.constantFrom("yes", "no").map((each) => `IdentitiesOnly\t${each}`),
    fc.constantFrom("j", "u@j:2222", "j,k", "none").map((each) => `ProxyJump ${each}`),
    value.map((each) => `HostKeyAlias = ${each}`),
    fc.constant("SendEnv LANG"),
    fc.constant(""),
    fc.constant("# User z"),
  );
  const criterion = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("host", "!host", "originalhost", "user", "!user", "localuser"),
        fc.array(pattern, { minLength: 1, maxLength: 2 }),
      )
      .map(([kind, patterns]) => `${kind} ${patterns.join(",")}`),
    fc.constantFrom("final", "canonical"),
  );
  const block = fc.oneof(
    fc.array(pattern, { minLength: 1, maxLength: 3 }).map((patterns) => `Host ${patterns.join(" ")}`),
    fc.array(criterion, { minLength: 1, maxLength: 2 }).map((criteria) => `Match ${criteria.join(" ")}`),
    fc.constantFrom("Match all", "Match final all"),
    fc.constant("  Include inc*"),
  );
  const file = fc.array(fc.oneof(option, option, block), { maxLength: 12 }).map((lines) => `${lines.join("\n")}\n`);

  it("any file of Host, Match and Include", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(file, file, name, fc.option(value, { nil: undefined }), async (main, more, host, user) => {
        // What is included with a relative name is looked for in the home that the account has, not in that of the environment.
        const included = write("inc1", more.replaceAll("Include", "# Include"));
        const config = write("config", main.replaceAll("inc*", included.replace(/1$/, "?")));
        await compare(config, host, user);
      }),
      { numRuns: 60 },
    );
  });
});
