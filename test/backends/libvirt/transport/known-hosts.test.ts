import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  judgeHostKey,
  knownKeyTypes,
  parseKnownHosts,
} from "../../../../provider/backends/libvirt/transport/known-hosts.js";
import { fingerprintOf, keyTypeOf } from "../../../../provider/config/host-key.js";
import { makeKey, scratch } from "./keys.js";

const ed = makeKey("ed25519");
const other = makeKey("ed25519");
const rsa = makeKey("rsa");

const judge = (text: string, host: string, port = 22, key = ed.blob) =>
  judgeHostKey(parseKnownHosts(text).entries, host, port, key).verdict;

describe("known_hosts", () => {
  it.each<[string, string, string, number, string]>([
    ["the name", `host1 ${ed.publicKey}`, "host1", 22, "match"],
    ["the name in another case", `HOST1 ${ed.publicKey}`, "Host1", 22, "match"],
    ["one of several names", `a,host1,10.0.0.1 ${ed.publicKey}`, "10.0.0.1", 22, "match"],
    ["a comment, tabs and blanks", `# x\n\n  host1\t${ed.publicKey}   root@host1\r\n`, "host1", 22, "match"],
    ["another host", `host2 ${ed.publicKey}`, "host1", 22, "unknown"],
    ["no line at all", "", "host1", 22, "unknown"],
    ["another key", `host1 ${other.publicKey}`, "host1", 22, "mismatch"],
    ["a key of another type only", `host1 ${rsa.publicKey}`, "host1", 22, "mismatch"],
    ["the key on a second line", `host1 ${other.publicKey}\nhost1 ${ed.publicKey}`, "host1", 22, "match"],
    ["a port of its own", `[host1]:2222 ${ed.publicKey}`, "host1", 2222, "match"],
    ["another port", `[host1]:2222 ${ed.publicKey}`, "host1", 22, "unknown"],
    ["another port's other key", `[host1]:2222 ${other.publicKey}\nhost1 ${ed.publicKey}`, "host1", 2222, "mismatch"],
    ["the host's own line for another port", `host1 ${ed.publicKey}`, "host1", 2222, "match"],
    ["the host's own other key for another port", `host1 ${other.publicKey}`, "host1", 2222, "unknown"],
    ["an IPv6 address", `fe80::1 ${ed.publicKey}`, "fe80::1", 22, "match"],
    ["an IPv6 address with a port", `[fe80::1]:2222 ${ed.publicKey}`, "fe80::1", 2222, "match"],
    ["a pattern with *", `*.lab ${ed.publicKey}`, "host1.lab", 22, "match"],
    ["a pattern with * that does not fit", `*.lab ${ed.publicKey}`, "host1.labs", 22, "unknown"],
    ["a pattern with ?", `host? ${ed.publicKey}`, "host1", 22, "match"],
    ["a pattern with ? and too little", `host? ${ed.publicKey}`, "host", 22, "unknown"],
    ["an exception", `host*,!host1 ${ed.publicKey}`, "host1", 22, "unknown"],
    ["an exception for another", `host*,!host1 ${ed.publicKey}`, "host2", 22, "match"],
    ["an exception first", `!host1,host* ${ed.publicKey}`, "host1", 22, "unknown"],
    ["nothing but an exception", `!host1 ${ed.publicKey}`, "host2", 22, "unknown"],
    ["a revoked key", `@revoked * ${ed.publicKey}\nhost1 ${ed.publicKey}`, "host1", 22, "revoked"],
    [
      "a revoked key of the host's own line, on another port",
      `@revoked host1 ${ed.publicKey}`,
      "host1",
      2222,
      "revoked",
    ],
    ["another's revoked key", `@revoked * ${other.publicKey}\nhost1 ${ed.publicKey}`, "host1", 22, "match"],
    ["only another revoked key", `@revoked * ${other.publicKey}`, "host1", 22, "unknown"],
  ])("with %s", (_case, text, host, port, verdict) => {
    expect(judge(text, host, port)).toBe(verdict);
  });

  it("reads what ssh-keygen -H has hashed", () => {
    const file = join(scratch(), "known_hosts");
    writeFileSync(file, `host1,10.0.0.1 ${ed.publicKey}\n[host2]:2222 ${ed.publicKey}\n`);
    execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "ignore" });
    const hashed = readFileSync(file, "utf8");
    expect(hashed).not.toContain("host");
    expect(judge(hashed, "host1")).toBe("match");
    expect(judge(hashed, "HOST1")).toBe("match");
    expect(judge(hashed, "10.0.0.1")).toBe("match");
    expect(judge(hashed, "host2", 2222)).toBe("match");
    expect(judge(hashed, "host2")).toBe("unknown");
    expect(judge(hashed, "host1", 22, other.blob)).toBe("mismatch");
  });

  it("notes what it leaves out, by line", () => {
    const { entries, notes } = parseKnownHosts(
      [
        "@cert-authority",
        "host1 ssh-ed25519 notbase64!",
        `host1 ssh-rsa ${ed.publicKey.split(" ")[1] ?? ""}`,
        "host1 2048 35 1234",
        `@odd host1 ${ed.publicKey}`,
      ].join("\n"),
      "/k",
    );
    expect(entries).toEqual([]);
    expect(notes.map((note) => note.split(":").slice(0, 2).join(":"))).toEqual([
      "/k:1",
      "/k:2",
      "/k:3",
      "/k:4",
      "/k:5",
    ]);
  });

  it("tells which key types are known, without revoked ones", () => {
    const { entries } = parseKnownHosts(
      `host1 ${ed.publicKey}\nhost1 ${rsa.publicKey}\n@revoked host1 ${makeKey("ecdsa").publicKey}`,
    );
    expect(knownKeyTypes(entries, "host1", 22)).toEqual(["ssh-ed25519", "ssh-rsa"]);
    expect(knownKeyTypes(entries, "host2", 22)).toEqual([]);
  });

  it("names fingerprints as ssh-keygen does", () => {
    expect(execFileSync("ssh-keygen", ["-lf", `${ed.file}.pub`], { encoding: "utf8" })).toContain(
      fingerprintOf(ed.blob),
    );
    expect(keyTypeOf(rsa.blob)).toBe("ssh-rsa");
    expect(keyTypeOf(Buffer.from("no key"))).toBeUndefined();
  });

  it("matches wildcards as a regular expression would", () => {
    const letters = (alphabet: string) =>
      fc.array(fc.constantFrom(...alphabet.split("")), { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(letters("ab*?"), letters("ab"), (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
        expect(judge(`${pattern} ${ed.publicKey}`, name)).toBe(expected ? "match" : "unknown");
      }),
      { numRuns: 1000 },
    );
  });

  it("takes any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => void judge(text, "host1")));
  });
});
