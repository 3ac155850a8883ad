import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProblemError } from "../../provider/model/problem.js";
import { parseLibvirtUri } from "../../provider/config/host-uri.js";

const ssh = {
  transport: "ssh",
  name: "qemu:///system",
  host: "host1",
  port: 22,
  portGiven: false,
  hostKeyCheck: "strict",
  authentication: ["agent", "privkey"],
  proxy: "auto",
  mode: "auto",
  socket: "/var/run/libvirt/libvirt-sock",
  socketGiven: false,
  readOnly: false,
};

const tls = { transport: "tls", name: "qemu:///system", host: "host1", port: 16_514 };

describe("a libvirt URI", () => {
  it.each<[string, object]>([
    ["qemu:///system", { transport: "unix", name: "qemu:///system", socket: "/var/run/libvirt/libvirt-sock" }],
    ["qemu:///session", { transport: "unix", name: "qemu:///session" }],
    [
      "qemu:///system?mode=direct",
      { transport: "unix", name: "qemu:///system", socket: "/var/run/libvirt/virtqemud-sock" },
    ],
    ["qemu+unix:///system?socket=/tmp/a%20b", { transport: "unix", name: "qemu:///system", socket: "/tmp/a b" }],
    ["test+unix:///default?socket=/s", { transport: "unix", name: "test:///default", socket: "/s" }],
    ["qemu+ssh://host1/system", ssh],
    ["QEMU+SSH://host1/system", ssh],
    ["qemu+ssh://virt@host1:2222/system", { ...ssh, user: "virt", port: 2222, portGiven: true }],
    [
      "qemu+ssh://dom%40in@[fe80::1%25eth0]:22/system",
      { ...ssh, user: "dom@in", host: "fe80::1%eth0", portGiven: true },
    ],
    ["qemu+ssh://host1/system?keyfile=~/.ssh/k+1;no_tty=1", { ...ssh, keyFile: "~/.ssh/k+1" }],
    [
      "qemu+ssh://host1/system?known_hosts=/k&sshauth=privkey,agent",
      { ...ssh, knownHosts: "/k", authentication: ["privkey", "agent"] },
    ],
    ["qemu+ssh://host1/system?no_verify=1", { ...ssh, hostKeyCheck: "accept-new" }],
    ["qemu+ssh://host1/system?no_verify=0", ssh],
    ["qemu+ssh://host1/system?known_hosts_verify=auto", { ...ssh, hostKeyCheck: "accept-new" }],
    ["qemu+ssh://host1/system?known_hosts_verify=ignore", { ...ssh, hostKeyCheck: "off" }],
    [
      "qemu+ssh://host1/system?mode=direct&proxy=native",
      { ...ssh, mode: "direct", proxy: "native", socket: "/var/run/libvirt/virtqemud-sock" },
    ],
    ["qemu+ssh://host1/system?command=/opt/openssh/bin/ssh", { ...ssh, command: "/opt/openssh/bin/ssh" }],
    ["qemu+ssh://host1/system?command=ssh&netcat=/bin/nc", { ...ssh, command: "ssh" }],
    ["qemu+ssh://host1/system?socket=/s", { ...ssh, socket: "/s", socketGiven: true }],
    ["qemu+tls://host1/system", tls],
    ["qemu://host1/system", tls],
    ["qemu+tls://host1/system?no_verify=0", tls],
    ["qemu+tls://root@host1:1234/system?pkipath=/etc/pki/me", { ...tls, port: 1234, pkiPath: "/etc/pki/me" }],
    ["qemu+tls://[fe80::1]/system", { ...tls, host: "fe80::1" }],
  ])("%s is read as libvirt does", (text, expected) => {
    expect(parseLibvirtUri(text)).toEqual(expected);
  });

  it.each([
    ["qemu+tls:///system", /has no host/],
    ["qemu+tls://host1/system?no_verify=1", /no_verify would let any host be this one/],
    ["qemu+tls://host1/system?keyfile=/k", /unknown parameter "keyfile"/],
    ["qemu+tls://host1/system?pkipath=pki", /its parameter pkipath must be an absolute path/],
    ["qemu+tls://host1/elsewhere", /\/elsewhere/],
    ["qemu+tcp://host1/system", /"tcp" is not supported/],
    ["qemu+libssh://host1/system", /"libssh" is not supported/],
    ["qemu+libssh2://host1/system", /"libssh2" is not supported/],
    ["qemu+ext:///system", /"ext" is not supported/],
    ["qemu+ssh:///system", /has no host/],
    ["qemu+unix://host1/system", /no host/],
    ["qemu+ssh://host1/elsewhere", /\/elsewhere/],
    ["qemu+ssh://host1", /path/],
    ["qemu+ssh://host1:0/system", /port/],
    ["qemu+ssh://host1:65536/system", /port/],
    ["qemu+ssh://-o a/system", /host/],
    ["qemu+ssh://@host1/system", /user/],
    ["qemu+ssh://host1/system?command=ssh%20-v", /its parameter command must be the name of a program/],
    ["qemu+ssh://host1/system?command=-oProxyCommand=x", /its parameter command must be the name of a program/],
    ["qemu+ssh://host1/system?command=bin/ssh", /its parameter command must be the name of a program/],
    ["qemu+ssh://host1/system?command=ssh&socket=/s", /its parameters socket and command cannot be used together/],
    ["qemu+ssh://host1/system?command=ssh&sshauth=agent", /its parameters sshauth and command cannot be used together/],
    ["qemu+unix:///system?command=ssh", /unknown parameter "command"/],
    ["qemu+ssh://host1/system?__proto__=1", /unknown parameter "__proto__"/],
    [
      "qemu+ssh://host1/system?mode=legcy",
      /its parameter mode must be "auto" or "direct" or "legacy"; did you mean "legacy"\?/,
    ],
    ["qemu+ssh://host1/system?socket=rel", /its parameter socket must be an absolute path/],
    ["qemu+ssh://host1/system?known_host=/k", /unknown parameter "known_host"; did you mean "known_hosts"\?/],
    ["ssh://host1", /driver "ssh" is not supported.*Did you mean qemu\+ssh:\/\/host1\/system\?/],
    ["xen+ssh://host1/system", /driver "xen" is not supported/],
    ["qemu+shs://host1/system", /transport "shs" is not supported.*Did you mean "ssh"\?/],
    ["qemu+ssh://host1/system?proxy=netcat", /forwarding/],
    ["qemu+ssh://host1/system?no_verify=yes", /no_verify/],
    ["qemu+ssh://host1/system?keyfile=relative", /keyfile/],
    ["qemu+ssh://host1/system?sshauth=magic", /sshauth/],
    ["qemu+ssh://host1/system?socket=/a&socket=/b", /twice/],
    ["qemu+ssh://host1/system?socket=%zz", /percent/],
    ["host1", /form/],
  ])("%s is refused", (text, why) => {
    expect(() => parseLibvirtUri(text)).toThrow(ProblemError);
    expect(() => parseLibvirtUri(text)).toThrow(why);
  });

  it.each([
    "qemu+ssh://root:hunter2@host1/system",
    "qemu+ssh://root:hun/ter2@host1/system",
    "nonsense://x:hunter2@y:z",
  ])("with a password is refused without showing it: %s", (text) => {
    const refused = (() => {
      try {
        return parseLibvirtUri(text);
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toBeInstanceOf(ProblemError);
    expect(String(refused)).not.toMatch(/hunter2|ter2/);
  });

  it("meets any text with a result or a ProblemError", () => {
    const part = fc.constantFrom(
      "qemu",
      "+ssh",
      "://",
      "host",
      "@",
      ":",
      "22",
      "/system",
      "?",
      "socket",
      "=",
      "/s",
      "&",
      "%",
      "%41",
      "[",
      "]",
      "\0",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 14 }).map((parts) => parts.join("")),
        ),
        (text) => {
          try {
            parseLibvirtUri(text);
          } catch (error) {
            expect(error).toBeInstanceOf(ProblemError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
