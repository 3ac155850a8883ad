import { PassThrough } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { LibvirtConnection, type DomainEventName } from "../../../../provider/backends/libvirt/rpc/connection.js";
import { LibvirtError } from "../../../../provider/backends/libvirt/rpc/errors.js";
import { dom, error, none, opening, packet, QEMU, REMOTE, some, str, TestServer, u32, u64, UUID } from "./server.js";

const web = { name: "web", uuid: UUID, id: 3 };
const open = (server: TestServer) => LibvirtConnection.open(server.client, { where: "host1", keepalive: false });
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("opening", () => {
  it("asks for authentication, then keepalive, then opens by name", async () => {
    const server = new TestServer(opening());
    const connection = await LibvirtConnection.open(server.client, { where: "host1", name: "qemu:///session" });
    expect(server.requests.map(({ proc, payload }) => [proc, payload])).toEqual([
      [66, Buffer.alloc(0)],
      [60, u32(10)],
      [1, Buffer.concat([some(str("qemu:///session")), u32(0)])],
    ]);
    await connection.close();
  });

  it("uses polkit where libvirt asks for it", async () => {
    const server = new TestServer({
      ...opening(),
      [`${REMOTE}/66`]: () => Buffer.concat([u32(1), u32(2)]),
      [`${REMOTE}/70`]: () => u32(1),
    });
    await open(server);
    expect(server.requests.map(({ proc }) => proc)).toEqual([66, 70, 1]);
  });

  it.each([
    [
      "polkit says no",
      {
        [`${REMOTE}/66`]: () => Buffer.concat([u32(1), u32(2)]),
        [`${REMOTE}/70`]: () => ({ error: error(45, 60, "authentication failed") }),
      },
    ],
    ["only SASL is offered", { [`${REMOTE}/66`]: () => Buffer.concat([u32(1), u32(1)]) }],
  ])("fails with what to do, and leaves no stream behind, when %s", async (_name, answers) => {
    const server = new TestServer({ ...opening(), ...answers });
    await expect(open(server)).rejects.toMatchObject({
      problem: { code: "libvirt-authentication", remedy: expect.any(String) as unknown },
    });
    expect(server.client.destroyed).toBe(true);
  });

  it("ends after 90 s where a daemon accepts the connection and never answers, in one sentence", async () => {
    vi.useFakeTimers();
    try {
      const opened = LibvirtConnection.open(new PassThrough(), { where: "host1" }).catch((reason: unknown) => reason);
      await vi.advanceTimersByTimeAsync(90_000);
      expect(String(await opened)).toBe(
        "ProblemError: libvirt did not answer within 90 s. Check libvirt's daemon on the host; restart it if it hangs.",
      );
    } finally {
      vi.useRealTimers();
    }
  });

  it("passes on why libvirt would not open", async () => {
    const server = new TestServer({
      ...opening(),
      [`${REMOTE}/1`]: () => ({ error: error(5, 0, "no connection driver available") }),
    });
    await expect(open(server)).rejects.toThrow(LibvirtError);
    expect(server.client.destroyed).toBe(true);
  });
});

describe("events", () => {
  const head = Buffer.concat([u32(9), dom("web", 3)]);
  it.each<[DomainEventName, number, number, Buffer, object]>([
    ["lifecycle", 0, 318, Buffer.concat([head, u32(5), u32(1)]), { event: 5, detail: 1 }],
    ["device_removed", 15, 333, Buffer.concat([head, str("ua-vf")]), { devAlias: "ua-vf" }],
    ["device_added", 19, 354, Buffer.concat([head, str("ua-vf")]), { devAlias: "ua-vf" }],
    ["migration_iteration", 20, 359, Buffer.concat([head, u32(2)]), { iteration: 2 }],
    [
      "job_completed",
      21,
      363,
      Buffer.concat([head, u32(1), str("downtime"), u32(4), u64(207n)]),
      { params: [{ field: "downtime", value: { type: "ullong", value: 207n } }] },
    ],
    ["device_removal_failed", 22, 367, Buffer.concat([head, str("ua-vf")]), { devAlias: "ua-vf" }],
    ["metadata_change", 23, 379, Buffer.concat([head, u32(2), some(str("http://x"))]), { type: 2, nsuri: "http://x" }],
  ])("%s is registered and read as the protocol has it", async (event, eventID, procedure, body, expected) => {
    const server = new TestServer({ ...opening(), [`${REMOTE}/316`]: () => u32(9) });
    const connection = await open(server);
    const heard: unknown[] = [];
    const stop = await connection.on(event, (what) => heard.push(what));
    expect((await server.request(REMOTE, 316)).payload).toEqual(Buffer.concat([u32(eventID), none]));
    server.message(REMOTE, procedure, body);
    await settle();
    expect(heard).toEqual([{ dom: web, ...expected }].map((fields) => expect.objectContaining(fields) as unknown));
    await stop();
    expect((await server.request(REMOTE, 317)).payload).toEqual(u32(9));
  });

  it("are heard although they come in one piece with the answer to the registration", async () => {
    const server: TestServer = new TestServer({
      ...opening(),
      [`${REMOTE}/316`]: ({ prog, vers, proc, serial }) => {
        const answer = packet({ prog, vers, proc, type: 1, serial, status: 0 }, u32(9));
        const event = packet(
          { prog, vers, proc: 333, type: 2, serial: 0, status: 0 },
          Buffer.concat([head, str("ua-vf")]),
        );
        server.send(Buffer.concat([answer, event]));
        return undefined;
      },
    });
    const heard: string[] = [];
    await (await open(server)).on("device_removed", ({ devAlias }) => heard.push(devAlias));
    await settle();
    expect(heard).toEqual(["ua-vf"]);
  });

  it("have one registration for all who hear them", async () => {
    const server = new TestServer({ ...opening(), [`${REMOTE}/316`]: () => u32(9) });
    const connection = await open(server);
    const heard: string[] = [];
    const hear = (who: string) => connection.on("device_removed", () => heard.push(who));
    const [first, second] = await Promise.all([hear("a"), hear("b")]);
    server.message(REMOTE, 333, Buffer.concat([head, str("ua-vf")]));
    await settle();
    await first();
    await first();
    server.message(REMOTE, 333, Buffer.concat([head, str("ua-vf")]));
    await settle();
    expect(heard).toEqual(["a", "b", "b"]);
    expect(server.requests.filter(({ proc }) => proc === 317)).toHaveLength(0);
    await second();
    expect(server.requests.map(({ proc }) => proc).slice(-2)).toEqual([316, 317]);
  });

  it("can be registered again after a refusal", async () => {
    let refused = 0;
    const server = new TestServer({
      ...opening(),
      [`${REMOTE}/316`]: () => (refused++ === 0 ? { error: error(3, 0, "not supported") } : u32(9)),
    });
    const connection = await open(server);
    await expect(connection.on("lifecycle", () => undefined)).rejects.toThrow(LibvirtError);
    await expect(connection.on("lifecycle", () => undefined)).resolves.toBeTypeOf("function");
  });

  it("of QEMU's monitor are registered by name", async () => {
    const server = new TestServer({ ...opening(), [`${QEMU}/4`]: () => u32(2) });
    const connection = await open(server);
    const heard: unknown[] = [];
    const stop = await connection.onMonitorEvent("UNPLUG_PRIMARY", (event) => heard.push(event));
    expect((await server.request(QEMU, 4)).payload).toEqual(Buffer.concat([none, some(str("UNPLUG_PRIMARY")), u32(0)]));
    const event = (callback: number) =>
      Buffer.concat([u32(callback), dom("web", 3), str("UNPLUG_PRIMARY"), u64(1n), u32(2), some(str("{}"))]);
    server.message(QEMU, 6, event(1));
    server.message(QEMU, 6, event(2));
    await settle();
    expect(heard).toEqual([{ dom: web, event: "UNPLUG_PRIMARY", details: "{}" }]);
    await stop();
    expect((await server.request(QEMU, 5)).payload).toEqual(u32(2));
  });
});
