/** libvirt over TLS, to model hosts behind a door as libvirt's own. */
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LibvirtCluster } from "../../../../provider/backends/libvirt/cluster.js";
import { HostRefused, HostUnreachable } from "../../../../provider/backends/libvirt/host-errors.js";
import { connectTls } from "../../../../provider/backends/libvirt/transport/tls.js";
import { tlsPaths } from "../../../../provider/backends/libvirt/transport/tls-files.js";
import { parseConfiguration } from "../../../../provider/config/index.js";
import { moveVm } from "../../../../provider/migration/move.js";
import { declarePair } from "../../../hosts/declared.js";
import { twoHosts, type LabLike } from "../../../hosts/two-hosts.js";
import { TlsDoor } from "../../../hosts/tls-door.js";
import { Authority, type Certified } from "./certificates.js";
import { scratch } from "./keys.js";

let authority: Authority, other: Authority, localhost: Certified, pki: string;
beforeAll(() => {
  [authority, other] = [new Authority(), new Authority("Another CA")];
  localhost = authority.host("DNS:localhost", "IP:127.0.0.1");
  pki = authority.pkiFolder(authority.client("operator"));
});

let lab: LabLike;
const doors: TlsDoor[] = [];
const clusters: LibvirtCluster[] = [];
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
  for (const door of doors.splice(0)) await door.close();
  await lab.close();
  vi.unstubAllEnvs();
});

async function doorOf(
  name: "host1" | "host2",
  how: Partial<Parameters<typeof TlsDoor.open>[1]> = {},
): Promise<TlsDoor> {
  const socket = new URL(lab.configuration.cluster.hosts[name]?.uri ?? "").searchParams.get("socket") ?? "";
  const door = await TlsDoor.open(socket, { authority, host: localhost, ...how });
  doors.push(door);
  return door;
}

function clusterOf(uris: Readonly<Record<string, string>>): LibvirtCluster {
  const { cluster } = lab.configuration;
  const hosts = Object.fromEntries(Object.entries(uris).map(([name, uri]) => [name, { uri }]));
  const made = new LibvirtCluster(
    parseConfiguration({ cluster: { ...cluster, hosts: { ...cluster.hosts, ...hosts } } }),
  );
  clusters.push(made);
  return made;
}

const uriOf = ({ port }: TlsDoor, host = "localhost", folder = pki) =>
  `qemu+tls://${host}:${port}/system?pkipath=${folder}`;

async function refusalOf(uri: string): Promise<Error> {
  const error: unknown = await clusterOf({ host2: uri })
    .host("host2")
    .connection()
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  if (!(error instanceof Error)) throw new Error("It was let in.");
  return error;
}

describe("a host over TLS", () => {
  it.each(["localhost", "127.0.0.1"])("is asked as any other by the name %s of its certificate", async (host) => {
    const door = await doorOf("host2");
    const cluster = clusterOf({ host2: uriOf(door, host) });
    const doms = await cluster.host("host2").domains();
    expect(doms).toEqual([]);
    expect(door.clients).toEqual(["operator"]);
  });

  it("takes part in a move", async () => {
    await declarePair(lab);
    const cluster = clusterOf({ host1: uriOf(await doorOf("host1")), host2: uriOf(await doorOf("host2")) });
    const report = await moveVm(cluster, { vm: "web", to: "host2", progress: lab.progress });
    expect(report?.outcome).toBe("moved");
    expect(report?.announced.notes.join()).toContain("no SSH connection");
  });

  it("is read only where that is configured", async () => {
    const door = await doorOf("host1");
    const { cluster } = lab.configuration;
    const config = parseConfiguration({
      cluster: { ...cluster, hosts: { host1: { uri: uriOf(door) } } },
      readOnly: "true",
    });
    const reader = new LibvirtCluster(config);
    clusters.push(reader);
    expect((await reader.host("host1").domains()).map(({ name }) => name)).toEqual(["web"]);
    const [dom] = await reader.host("host1").domains();
    await expect(reader.host("host1").resume(dom ?? expect.fail("no domain"))).rejects.toThrow(/readOnly is true/);
  });
});

describe("is not trusted, and nothing is told to it, where its certificate", () => {
  it("is for another name", async () => {
    const door = await doorOf("host2", { host: authority.host("DNS:elsewhere.example") });
    const error = await refusalOf(uriOf(door));
    expect(error).toBeInstanceOf(HostRefused);
    expect(error.message).toMatch(
      /its certificate is not for that name.*Write the host in the URI as its certificate has it/s,
    );
    expect(door.clients).toEqual([]);
  });

  it("is for another address", async () => {
    const door = await doorOf("host2", { host: authority.host("DNS:localhost") });
    expect((await refusalOf(uriOf(door, "127.0.0.1"))).message).toContain("is not for that name");
  });

  it("is of another authority, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const door = await doorOf("host2", { host: other.host("DNS:localhost") });
    const error = await refusalOf(uriOf(door));
    expect(error).toBeInstanceOf(HostRefused);
    expect(error.message).toMatch(/its certificate is not to be trusted.*cacert\.pem is of the authority/s);
    expect(door.clients).toEqual([]);
  });

  it("is one of a client", async () => {
    const door = await doorOf("host2", { host: authority.client("localhost") });
    expect((await refusalOf(uriOf(door))).message).toContain("is not to be trusted");
  });
});

describe("a host that does not take this program in", () => {
  it("for its certificate says so", async () => {
    const door = await doorOf("host2");
    const error = await refusalOf(uriOf(door, "localhost", authority.pkiFolder(other.client())));
    expect(error).toBeInstanceOf(HostRefused);
    expect(error.message).toMatch(/does not accept this program's certificate.*clientcert\.pem/s);
  });

  it("without the byte of it says so", async () => {
    expect((await refusalOf(uriOf(await doorOf("host2", { greeting: 0 })))).message).toContain("does not accept");
  });

  it("where there is none says where it belongs", async () => {
    const home = scratch();
    const door = await doorOf("host2");
    vi.stubEnv("HOME", home);
    vi.spyOn(process, "geteuid").mockReturnValue(1000);
    mkdirSync(join(home, ".pki/libvirt"), { recursive: true });
    copyFileSync(authority.file, join(home, ".pki/libvirt/cacert.pem"));
    const error = await refusalOf(`qemu+tls://localhost:${door.port}/system`);
    expect(error).toBeInstanceOf(HostRefused);
    expect(error.message).toMatch(
      /wants a certificate, and this program has none.*\/etc\/pki\/libvirt\/clientcert\.pem/s,
    );
  });

  it("in time is unreachable", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    await expect(
      connectTls({ transport: "tls", name: "qemu:///system", host: "localhost", port, pkiPath: pki }, 50),
    ).rejects.toThrow(/Unable to set up TLS within/);
    silent.close();
  });

  it("because nothing listens is unreachable", async () => {
    const door = await doorOf("host2");
    await door.close();
    const error = await refusalOf(uriOf(door));
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(error).not.toBeInstanceOf(HostRefused);
    expect(error.message).toContain("virtproxyd-tls.socket");
    doors.splice(0);
  });
});

describe("the files", () => {
  it("are the user's, and what is not there is the system's", () => {
    const [home, root] = [scratch(), scratch()];
    vi.stubEnv("HOME", home);
    const uid = vi.spyOn(process, "geteuid").mockReturnValue(1000);
    const system = {
      ca: join(root, "etc/pki/CA/cacert.pem"),
      revoked: join(root, "etc/pki/CA/cacrl.pem"),
      certificate: join(root, "etc/pki/libvirt/clientcert.pem"),
      key: join(root, "etc/pki/libvirt/private/clientkey.pem"),
    };
    expect(tlsPaths(undefined, root)).toEqual(system);
    const own = join(home, ".pki/libvirt");
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "cacert.pem"), "");
    writeFileSync(join(own, "clientcert.pem"), "");
    // A certificate without its key is none.
    expect(tlsPaths(undefined, root)).toEqual({ ...system, ca: join(own, "cacert.pem") });
    writeFileSync(join(own, "clientkey.pem"), "");
    expect(tlsPaths(undefined, root)).toMatchObject({
      certificate: join(own, "clientcert.pem"),
      key: join(own, "clientkey.pem"),
    });
    uid.mockReturnValue(0);
    expect(tlsPaths(undefined, root)).toEqual(system);
  });

  it("that lack one name it", async () => {
    const folder = authority.pkiFolder();
    const door = await doorOf("host2");
    const cluster = clusterOf({ host2: uriOf(door, "localhost", folder) });
    rmSync(join(folder, "clientkey.pem"));
    await expect(cluster.host("host2").connection()).rejects.toThrow(
      /Unable to find a file for TLS.*clientkey\.pem.*pkipath=/s,
    );
  });

  it("with a key that anybody may read are not used", async () => {
    const folder = authority.pkiFolder();
    chmodSync(join(folder, "clientkey.pem"), 0o644);
    expect((await refusalOf(uriOf(await doorOf("host2"), "localhost", folder))).message).toMatch(
      /users other than.*chmod o=/s,
    );
  });

  it("whose key is another certificate's say so", async () => {
    const [one, two] = [authority.client(), authority.client()];
    const folder = authority.pkiFolder({ cert: one.cert, key: two.key });
    expect((await refusalOf(uriOf(await doorOf("host2"), "localhost", folder))).message).toContain("of one pair");
  });
});
