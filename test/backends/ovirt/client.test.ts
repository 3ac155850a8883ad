import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  addProfile,
  EngineClient,
  EngineUnreachable,
  listProfiles,
  listVms,
  OvirtFault,
  SignOnRefused,
  updateProfile,
} from "../../../provider/backends/ovirt/rest/index.js";
import { ProblemError } from "../../../provider/model/problem.js";
import { clientOf, idOf, startEngine } from "../../engine/engine.js";
import type { TestEngine } from "../../engine/server.js";
import { everything, failure } from "./failure.js";

const standby = (engine: TestEngine) => ({ name: "data", network: idOf(engine, "networks", "data") });

/** Besides those that the engine is set up with. */
function profilesMade(engine: TestEngine): number {
  return [...engine.model.profiles.values()].filter(({ name }) => name !== "ovirtmgmt").length;
}

describe("signing on", () => {
  it("one token serves many requests at once, and is returned at the end", async () => {
    const { engine, client } = await startEngine();
    await Promise.all([listVms(client), listVms(client), listProfiles(client)]);
    expect(engine.signOn).toMatchObject({ issued: 1, live: 1 });
    await client.close();
    expect(engine.signOn).toMatchObject({ issued: 1, live: 0 });
  });

  it("a token that the engine no longer takes is replaced once, also for a write, and by one for all", async () => {
    const { engine, client } = await startEngine();
    await listVms(client);
    engine.signOn.revokeAll();
    await Promise.all([addProfile(client, standby(engine)), listVms(client), listVms(client)]);
    expect(engine.signOn.issued).toBe(2);
    expect(profilesMade(engine)).toBe(1);
  });

  it("a second 401 is the answer", async () => {
    const { engine, client } = await startEngine();
    engine.disruptions.add({ kind: "token-expired", path: "/vms", times: 2 });
    expect(await failure(listVms(client))).toMatchObject({ status: 401, problem: { code: "engine-fault" } });
    expect(engine.signOn.issued).toBe(2);
  });

  it("a token is renewed before its end", async () => {
    const { engine, client } = await startEngine({ tokenMillis: 0 });
    const [first] = [await failure(listVms(client))];
    expect(first).toBeInstanceOf(OvirtFault);
    const issued = engine.signOn.issued;
    await failure(listVms(client));
    expect(engine.signOn.issued).toBeGreaterThan(issued);
  });

  it("a wrong password is refused in the engine's words, without the password", async () => {
    const { engine } = await startEngine();
    const client = await clientOf(engine, { password: "hunter2" });
    const error = await failure(listVms(client));
    expect(error).toBeInstanceOf(SignOnRefused);
    expect((error as SignOnRefused).problem).toMatchObject({
      code: "engine-sign-on",
      what: `Unable to sign on as user "admin@internal": Cannot authenticate user 'admin@internal': Unable to log in. Verify your login information or contact the system administrator..`,
    });
    expect(everything(error)).not.toContain("hunter2");
    expect(engine.received).toEqual([]);
  });
});

describe("what is sent again", () => {
  it("a read after 503, a reset, and an answer that is cut in its middle", async () => {
    const { engine, client } = await startEngine();
    for (const kind of ["unavailable", "reset", "cut"] as const) {
      engine.received.length = 0;
      engine.disruptions.add({ kind, path: "/vms" });
      expect((await listVms(client)).map(({ name }) => name)).toEqual(["db", "legacy", "web"]);
      expect(engine.received).toHaveLength(2);
      expect(new Set(engine.received.map(({ correlationId }) => correlationId)).size).toBe(1);
    }
  });

  it("waits as long as the engine asks, and else ever longer", async () => {
    const { engine } = await startEngine();
    const waits: number[] = [];
    const wait = (milliseconds: number) => {
      waits.push(milliseconds);
      return Promise.resolve();
    };
    const client = await clientOf(engine, { wait, delay: 100 });
    engine.disruptions.add({ kind: "unavailable", times: 3 });
    await listVms(client);
    engine.disruptions.add({ kind: "unavailable", retryAfter: 7 });
    await listVms(client);
    expect(waits).toEqual([100, 200, 400, 7000]);
  });

  it("gives up after some attempts, with the last answer", async () => {
    const { engine } = await startEngine();
    const client = await clientOf(engine, { attempts: 2 });
    engine.disruptions.add({ kind: "unavailable", times: 9 });
    expect(await failure(listVms(client))).toMatchObject({
      status: 503,
      problem: { what: "Unable to list VMs: the engine answers 503 Service Unavailable" },
    });
    expect(engine.received).toHaveLength(3);
  });

  it("a write after 503, which the engine never saw", async () => {
    const { engine, client } = await startEngine();
    engine.disruptions.add({ kind: "unavailable", method: "POST" });
    await addProfile(client, standby(engine));
    expect(engine.received.map(({ method }) => method)).toEqual(["POST", "POST"]);
    expect(profilesMade(engine)).toBe(1);
  });

  it.each(["cut", "reset"] as const)("never a write that may have arrived: %s", async (kind) => {
    const { engine, client } = await startEngine();
    engine.disruptions.add({ kind, method: "POST" });
    const error = await failure(addProfile(client, standby(engine)));
    expect(error).toBeInstanceOf(EngineUnreachable);
    expect(error).toMatchObject({ mayHaveArrived: true, problem: { code: "engine-cut-off" } });
    expect(engine.received).toHaveLength(1);
    expect(profilesMade(engine)).toBe(kind === "cut" ? 1 : 0);

    const profile = (await listProfiles(client)).find(({ name }) => name === "data");
    if (profile === undefined) return;
    engine.received.length = 0;
    engine.disruptions.add({ kind, method: "PUT" });
    await failure(updateProfile(client, profile.id, { description: "new" }));
    expect(engine.received).toHaveLength(1);
  });

  it("a write whose connection never stood", async () => {
    const { server, url, connections } = await brokenServer((socket) => socket.destroy());
    const client = new EngineClient({ url, username: "u", password: "p", attempts: 2, wait: () => Promise.resolve() });
    const error = await failure(client.delete("/vms/1"));
    expect(error).toMatchObject({ mayHaveArrived: false, problem: { code: "engine-unreachable" } });
    expect(connections()).toBe(3);
    server.close();
  });
});

describe("time-outs", () => {
  it("an answer that is late is given up, and says so", async () => {
    const { engine } = await startEngine();
    const client = await clientOf(engine, { answerTimeout: 500 });
    engine.disruptions.add({ kind: "slow", milliseconds: 3_600_000, times: 2 });
    expect(await failure(listVms(client))).toMatchObject({
      mayHaveArrived: true,
      problem: { code: "engine-silent", what: "The oVirt engine did not answer within 500 ms" },
    });
    // What has waited that long does not wait again.
    expect(engine.received.length).toBeLessThan(2);
  });

  it("a request that waits for a connection behind others has its time from when it gets one", async () => {
    const { engine } = await startEngine();
    const client = await clientOf(engine, { connectTimeout: 2000, attempts: 0 });
    engine.disruptions.add({ kind: "slow", method: "GET", path: "/vms", times: 24, milliseconds: 3000 });
    const answers = await Promise.allSettled(Array.from({ length: 12 }, () => client.get("/vms")));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => "fulfilled"));
  });

  it("a path that is none of the engine's API is no object that is not there", async () => {
    const { engine } = await startEngine();
    const client = await clientOf(engine);
    expect(await failure(client.find("/nonsense"))).toMatchObject({
      problem: { code: "engine-path-unknown", remedy: expect.stringContaining("Check the engine's URL") as string },
    });
    expect(await client.find("/vms/12345678-1234-1234-1234-123456789012")).toBeUndefined();
  });

  it("a server that does not speak TLS is given up", async () => {
    const { url } = await brokenServer(() => undefined);
    const client = new EngineClient({ url, username: "u", password: "p", connectTimeout: 50, attempts: 0 });
    expect(await failure(client.get(""))).toMatchObject({
      mayHaveArrived: false,
      problem: { code: "engine-unreachable", what: expect.stringContaining("within 50 ms") as string },
    });
  });
});

describe("whom it trusts", () => {
  it("not a certificate of an authority that is not configured, and not after the first attempt", async () => {
    const { engine } = await startEngine();
    const { url, username, password } = engine.address;
    const client = new EngineClient({ url, username, password, wait: () => Promise.reject(new Error("waited")) });
    const error = await failure(listVms(client));
    expect(error).toMatchObject({ mayHaveArrived: false, problem: { code: "engine-certificate" } });
    expect(everything(error)).not.toContain(password);
  });

  it("not a certificate of another name", async () => {
    const { engine } = await startEngine();
    const client = await clientOf(engine, { url: engine.address.url.replace("localhost", "127.0.0.1") });
    expect(await failure(listVms(client))).toMatchObject({ problem: { code: "engine-certificate" } });
  });

  it.each(["http://engine.example", "https://admin:secret@engine.example", "engine.example", ""])(
    "no URL such as %j",
    (url) => {
      const use = () => new EngineClient({ url, username: "u", password: "p" });
      expect(use).toThrow(ProblemError);
      expect(use).not.toThrow(/secret/);
    },
  );
});

describe("collections", () => {
  it("come page by page, each member once, although one is added meanwhile", async () => {
    const { engine, client } = await startEngine();
    const [db] = [...engine.model.vms.values()].filter(({ name }) => name === "db");
    const add = (name: string) => engine.model.vms.set(name, { ...db, id: name, name } as never);
    for (let number = 0; number < 7; number += 1) add(`vm${number}`);
    const names = [];
    for await (const vm of client.list("/vms", { search: "name=vm*", pageSize: 3 })) {
      names.push(vm.attributes["id"]);
      if (names.length === 3) add("vm00");
    }
    expect(names).toEqual(["vm0", "vm1", "vm2", "vm3", "vm4", "vm5", "vm6"]);
    expect(engine.received.map(({ path }) => new URLSearchParams(path.split("?")[1]).get("search"))).toEqual([
      "name=vm* sortby name asc page 1",
      "name=vm* sortby name asc page 2",
      "name=vm* sortby name asc page 3",
    ]);
  });

  it("whose length is a multiple of a page's end after an empty page", async () => {
    const { engine, client } = await startEngine();
    const names = [];
    for await (const vm of client.list("/vms", { pageSize: 3 })) names.push(vm.attributes["id"]);
    expect(names).toHaveLength(3);
    expect(engine.received).toHaveLength(2);
  });
});

it("every request has a correlation id, one that is given or a new one", async () => {
  const { engine, client } = await startEngine();
  await addProfile(client, standby(engine), { correlationId: "my-move" });
  await listVms(client);
  await listVms(client);
  const [given, ...made] = engine.received.map(({ correlationId }) => correlationId);
  expect(given).toBe("my-move");
  expect(new Set(made).size).toBe(2);
  for (const id of made) expect(id).toMatch(/^[\w-]{1,36}$/);
});

/** A TCP server that does with each connection what it is told. */
async function brokenServer(
  treat: (socket: Socket) => void,
): Promise<{ server: Server; url: string; connections: () => number }> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    count += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    treat(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { server, url: `https://127.0.0.1:${port}`, connections: () => count };
}
