import { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RpcClient } from "../../../../provider/backends/libvirt/rpc/client.js";
import {
  CallTimeoutError,
  ConnectionLostError,
  LibvirtError,
  RpcProtocolError,
} from "../../../../provider/backends/libvirt/rpc/errors.js";
import { dom, error, KEEPALIVE, packet, QEMU, REMOTE, str, TestServer, u32, UUID } from "./server.js";

const web = { name: "web", uuid: UUID, id: 3 };
const clientOf = (server: TestServer) => new RpcClient(server.client, { where: "host1" });
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("a call", () => {
  it("sends exactly the bytes of the protocol definition", async () => {
    const server = new TestServer({ [`${REMOTE}/14`]: () => str("<domain/>") });
    await expect(clientOf(server).call("domain_get_xml_desc", { dom: web, flags: 2 })).resolves.toEqual({
      xml: "<domain/>",
    });
    expect(server.requests).toEqual([
      {
        prog: REMOTE,
        vers: 1,
        proc: 14,
        type: 0,
        serial: 1,
        status: 0,
        payload: Buffer.concat([dom("web", 3), u32(2)]),
      },
    ]);
  });

  it("goes to the program that its table row names", async () => {
    const server = new TestServer({ [`${QEMU}/1`]: () => str('{"return":{}}') });
    await clientOf(server).call("qemu_domain_monitor_command", { dom: web, cmd: "{}", flags: 0 });
    expect(server.requests[0]).toMatchObject({
      prog: QEMU,
      proc: 1,
      payload: Buffer.concat([dom("web", 3), str("{}"), u32(0)]),
    });
  });

  it("gets its own answer, whatever the order of answers", async () => {
    const server = new TestServer({ [`${REMOTE}/23`]: () => undefined });
    const client = clientOf(server);
    const calls = ["a", "b", "c"].map((name) => client.call("domain_lookup_by_name", { name }));
    await settle();
    for (const request of [...server.requests].reverse()) {
      server.reply(request, dom(request.payload.toString("utf8", 4, 5), 1));
    }
    expect((await Promise.all(calls)).map((answer) => answer.dom.name)).toEqual(["a", "b", "c"]);
  });

  it("fails with libvirt's error, its code, domain and text", async () => {
    const server = new TestServer({
      [`${REMOTE}/23`]: () => ({ error: error(42, 10, "Domain not found: no domain 'x'") }),
    });
    const failure: unknown = await clientOf(server)
      .call("domain_lookup_by_name", { name: "x" })
      .catch((problem: unknown) => problem);
    expect(failure).toBeInstanceOf(LibvirtError);
    expect(failure).toMatchObject({
      code: 42,
      domain: 10,
      level: 2,
      libvirtMessage: "Domain not found: no domain 'x'",
      problem: { code: "libvirt-no-domain", where: "host1" },
    });
    expect(LibvirtError.is(failure, "NO_NETWORK", "NO_DOMAIN")).toBe(true);
    expect(LibvirtError.is(failure, "NO_NETWORK")).toBe(false);
  });

  it("with arguments that can't be sent fails alone, and sends nothing", async () => {
    const server = new TestServer({ [`${REMOTE}/59`]: () => str("host1") });
    const client = clientOf(server);
    await expect(client.call("domain_lookup_by_name", { name: "a\0b" })).rejects.toThrow(RpcProtocolError);
    await expect(client.call("connect_get_hostname", {})).resolves.toEqual({ hostname: "host1" });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["an answer that is too short", (server: TestServer) => server.reply(server.received(0), u32(1))],
    [
      "an answer of another procedure",
      (server: TestServer) => server.reply({ ...server.received(0), proc: 24 }, dom("x", 1)),
    ],
    ["an error that can't be read", (server: TestServer) => server.reply(server.received(0), u32(1), 1)],
  ])("fails alone on %s", async (_name, answer) => {
    const server = new TestServer({ [`${REMOTE}/23`]: () => undefined, [`${REMOTE}/59`]: () => str("host1") });
    const client = clientOf(server);
    const call = client.call("domain_lookup_by_name", { name: "x" });
    await settle();
    answer(server);
    await expect(call).rejects.toThrow(RpcProtocolError);
    await expect(client.call("connect_get_hostname", {})).resolves.toEqual({ hostname: "host1" });
  });

  it("ends with the signal's reason, before or after it was sent", async () => {
    const server = new TestServer({ [`${REMOTE}/59`]: () => undefined });
    const client = clientOf(server);
    const reason = new Error("stop");
    const late = new AbortController();
    const call = client.call("connect_get_hostname", {}, { signal: late.signal });
    await settle();
    late.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(client.call("connect_get_hostname", {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    server.reply(server.received(0), str("host1"));
    await settle();
    expect(client.closed).toBe(false);
  });

  it("waits its turn when four are in work, one of them given up", async () => {
    const server = new TestServer({ [`${REMOTE}/23`]: () => undefined });
    const client = clientOf(server);
    const gone = new AbortController();
    const calls = ["a", "b", "c", "d", "e"].map((name) =>
      client.call("domain_lookup_by_name", { name }, name === "a" ? { signal: gone.signal } : {}),
    );
    for (const call of calls) call.catch(() => undefined);
    await settle();
    gone.abort(new Error("stop"));
    await settle();
    expect(server.requests).toHaveLength(4);
    server.reply(server.received(0), dom("a", 1));
    await settle();
    expect(server.requests).toHaveLength(5);
    server.requests.slice(1).forEach((request) => server.reply(request, dom("x", 1)));
    await Promise.all(calls.slice(1));
  });
});

describe("the end of the stream", () => {
  it.each([
    ["breaks", (server: TestServer) => server.drop()],
    ["ends", (server: TestServer) => server.end()],
    ["fails", (server: TestServer) => server.client.destroy(new Error("ECONNRESET"))],
    ["brings what is no message", (server: TestServer) => server.send(Buffer.from("HTTP/1.1 400 Bad Request"))],
  ])("fails all calls, in work and waiting, and later ones: it %s", async (_name, end) => {
    const server = new TestServer({ [`${REMOTE}/23`]: () => undefined });
    const client = clientOf(server);
    const calls = Array.from({ length: 7 }, () => client.call("domain_lookup_by_name", { name: "x" }));
    const outcomes = Promise.allSettled(calls);
    await settle();
    end(server);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(ConnectionLostError) as unknown });
    }
    await expect(client.call("connect_get_hostname", {})).rejects.toThrow(ConnectionLostError);
    await expect(client.ended).resolves.toBeInstanceOf(ConnectionLostError);
    await client.close();
  });

  it("may lie before the beginning", async () => {
    const server = new TestServer();
    server.client.on("error", () => undefined);
    server.client.destroy(new Error("too late"));
    await settle();
    await expect(clientOf(server).call("connect_get_hostname", {})).rejects.toThrow(/too late/);
  });

  it("says why", async () => {
    const server = new TestServer();
    const client = clientOf(server);
    server.client.destroy(new Error("read ECONNRESET"));
    expect((await client.ended).message).toContain("read ECONNRESET");
  });

  it("is said good-bye to, once", async () => {
    const server = new TestServer();
    const client = clientOf(server);
    await Promise.all([client.close(), client.close()]);
    expect(server.requests.map(({ proc }) => proc)).toEqual([2]);
    await expect(client.call("connect_get_hostname", {})).rejects.toThrow(ConnectionLostError);
  });
});

describe("messages", () => {
  const removed = Buffer.concat([u32(5), dom("web", 3), str("ua-vf")]);

  it("reach their listeners until these end", async () => {
    const server = new TestServer();
    const heard: unknown[] = [];
    const stop = clientOf(server).listen("domain_event_callback_device_removed", (body) => heard.push(body));
    server.message(REMOTE, 333, removed);
    await settle();
    stop();
    server.message(REMOTE, 333, removed);
    await settle();
    expect(heard).toEqual([{ callbackID: 5, msg: { dom: web, devAlias: "ua-vf" } }]);
  });

  it("that are unknown or not waited for are ignored", async () => {
    const server = new TestServer({ [`${REMOTE}/59`]: () => str("host1") });
    const client = clientOf(server);
    server.message(REMOTE, 9999, Buffer.alloc(3));
    server.message(0x12345678, 1, Buffer.alloc(8));
    server.message(REMOTE, 333, u32(1));
    server.send(packet({ prog: REMOTE, vers: 1, proc: 59, type: 1, serial: 77, status: 0 }, str("x")));
    server.send(packet({ prog: REMOTE, vers: 1, proc: 1, type: 3, serial: 1, status: 2 }, Buffer.from("data")));
    await expect(client.call("connect_get_hostname", {})).resolves.toEqual({ hostname: "host1" });
  });

  it("that someone waits for and that can't be read end the connection: without that the caller would wait for ever", async () => {
    const server = new TestServer();
    const client = clientOf(server);
    client.listen("domain_event_callback_device_removed", () => undefined);
    server.message(REMOTE, 333, u32(1));
    expect((await client.ended).cause).toBeInstanceOf(RpcProtocolError);
  });
});

describe("keepalive and time-outs", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("answers libvirt's ping", async () => {
    const server = new TestServer();
    clientOf(server);
    server.message(KEEPALIVE, 1, Buffer.alloc(0));
    await expect(server.request(KEEPALIVE, 2)).resolves.toMatchObject({
      type: 2,
      serial: 0,
      vers: 1,
      payload: Buffer.alloc(0),
    });
  });

  it("pings, and takes five unanswered pings for the end", async () => {
    const server = new TestServer({ [`${REMOTE}/59`]: () => undefined });
    const client = clientOf(server);
    const call = client.call("connect_get_hostname", {});
    const failed = expect(call).rejects.toThrow(/has not answered 5 keepalive pings/);
    client.startKeepalive();
    for (let ping = 0; ping < 6; ping++) {
      expect(client.closed).toBe(false);
      await vi.advanceTimersByTimeAsync(5000);
      await settle();
    }
    expect(client.closed).toBe(false);
    expect(server.requests.filter(({ prog, proc }) => prog === KEEPALIVE && proc === 1)).toHaveLength(6);
    await vi.advanceTimersByTimeAsync(5000);
    await failed;
  });

  it("takes any sign of life for an answer", async () => {
    const server = new TestServer();
    const client = clientOf(server);
    client.startKeepalive();
    for (let round = 0; round < 20; round++) {
      await vi.advanceTimersByTimeAsync(5000);
      server.message(KEEPALIVE, 2, Buffer.alloc(0));
      await settle();
    }
    expect(client.closed).toBe(false);
  });

  it("gives a call up after its time", async () => {
    const server = new TestServer({ [`${REMOTE}/59`]: () => undefined });
    const client = clientOf(server);
    const failed = expect(client.call("connect_get_hostname", {}, { timeoutMs: 700 })).rejects.toThrow(
      CallTimeoutError,
    );
    await vi.advanceTimersByTimeAsync(700);
    await failed;
    expect(client.closed).toBe(false);
  });

  it("closes although libvirt no longer answers", async () => {
    const server = new TestServer({ [`${REMOTE}/2`]: () => undefined });
    const client = clientOf(server);
    const closed = client.close();
    await vi.advanceTimersByTimeAsync(3000);
    await closed;
    expect(client.closed).toBe(true);
  });
});

describe("a host that pings and does not read", () => {
  it("does not fill our memory with answers", () => {
    const stream = new Duplex({ highWaterMark: 16_384, read: () => undefined, write: () => undefined });
    new RpcClient(stream, { where: "host1" });
    const ping = packet({ prog: KEEPALIVE, vers: 1, proc: 1, type: 2, serial: 0, status: 0 }, Buffer.alloc(0));
    for (let pings = 0; pings < 2_000; pings++) stream.emit("data", ping);
    expect(stream.writableLength).toBeGreaterThanOrEqual(stream.writableHighWaterMark);
    expect(stream.writableLength).toBeLessThanOrEqual(stream.writableHighWaterMark + ping.length);
    stream.destroy();
  });
});
