/** Which proxy is taken for what, and requests through one. */
import { describe, expect, it, onTestFinished } from "vitest";
import { addProfile, listProfiles, listVms } from "../../../provider/backends/ovirt/rest/index.js";
import { proxyFor } from "../../../provider/backends/ovirt/rest/proxy.js";
import { handlers } from "../../../provider/handlers/registry.js";
import { makeCertificate } from "../../engine/certificate.js";
import { clientOf, idOf, startEngine } from "../../engine/engine.js";
import type { TestEngine } from "../../engine/server.js";
import { overEngine, standbyInputs } from "../../handlers/ovirt/over-engine.js";
import { connectProxy, type ProxyBehavior } from "./connect-proxy.js";
import { everything, failure } from "./failure.js";

const engineUrl = new URL("https://engine.example/ovirt-engine/api");

describe("the proxy of the environment", () => {
  const proxy = { secure: false, hostname: "proxy.example", port: 3128, authorization: undefined };

  it.each([
    ["http://proxy.example:3128", proxy],
    ["http://proxy.example:3128/", proxy],
    ["proxy.example:3128", proxy],
    ["http://proxy.example", { ...proxy, port: 80 }],
    ["https://proxy.example", { ...proxy, secure: true, port: 443 }],
    ["http://[fd00::1]:3128", { ...proxy, hostname: "fd00::1" }],
    [
      "http://us%40er:p%3Aw%25@proxy.example:3128",
      { ...proxy, authorization: `Basic ${Buffer.from("us@er:p:w%").toString("base64")}` },
    ],
    [
      "http://user:100%@proxy.example:3128",
      { ...proxy, authorization: `Basic ${Buffer.from("user:100%").toString("base64")}` },
    ],
    ["", undefined],
  ])("%j", (value, expected) => {
    expect(proxyFor(engineUrl, { HTTPS_PROXY: value })).toEqual(expected);
    expect(proxyFor(engineUrl, { https_proxy: value })).toEqual(expected);
  });

  it("is that of capitals where both are set, as for pulumi itself, and never HTTP_PROXY", () => {
    expect(proxyFor(engineUrl, { https_proxy: "http://other", HTTPS_PROXY: "proxy.example:3128" })).toEqual(proxy);
    expect(proxyFor(engineUrl, { HTTP_PROXY: "proxy.example:3128", http_proxy: "proxy.example:3128" })).toBe(undefined);
  });

  it.each(["socks5://u:pa55@proxy.example", "http://", "http://u:pa55@proxy.example:x"])(
    "is refused without being shown: %s",
    (value) => {
      const use = () => proxyFor(engineUrl, { https_proxy: value });
      expect(use).toThrow(/environment variable https_proxy.*not an http or https URL/);
      expect(use).not.toThrow(/pa55/);
    },
  );

  it.each([
    ["*", "engine.example", true],
    ["engine.example", "engine.example", true],
    ["ENGINE.example", "engine.example", true],
    ["engine.example", "engine.example.", true],
    ["other, engine.example ,third", "engine.example", true],
    ["other engine.example", "engine.example", true],
    ["example", "engine.example", true],
    ["example", "engine.counterexample", false],
    ["engine.example", "my-engine.example", false],
    [".example", "engine.example", true],
    [".engine.example", "engine.example", false],
    ["*.example", "engine.example", true],
    ["engine.example:443", "engine.example", true],
    ["engine.example:8443", "engine.example", false],
    ["engine.example:8443", "engine.example:8443", true],
    ["engine.example", "engine.example:8443", true],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "10.1.2.30", false],
    ["10.1.0.0/16", "10.1.2.3", true],
    ["10.1.0.0/16", "10.2.2.3", false],
    ["10.1.0.0/16", "engine.example", false],
    ["10.1.0.0/33", "10.1.2.3", false],
    ["10.1.0.0/", "10.1.2.3", false],
    ["10.1.2.3:443", "10.1.2.3", true],
    ["fd00::/8", "[fd12::1]", true],
    ["fd12::1", "[fd12:0::1]", true],
    ["[fd12::1]:443", "[fd12::1]", true],
    ["[fd12::1]:8443", "[fd12::1]", false],
    ["", "engine.example", false],
    [",", "engine.example", false],
  ])("NO_PROXY=%s excepts %s: %s", (exceptions, host, excepted) => {
    const url = new URL(`https://${host}/ovirt-engine/api`);
    for (const name of ["NO_PROXY", "no_proxy"]) {
      const found = proxyFor(url, { HTTPS_PROXY: "proxy.example:3128", [name]: exceptions });
      expect(found).toEqual(excepted ? undefined : proxy);
    }
  });

  it.each(["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])("is not used for this machine itself: %s", (host) => {
    expect(proxyFor(new URL(`https://${host}:8443`), { HTTPS_PROXY: "proxy.example:3128" })).toBeUndefined();
  });
});

/** A client of the engine as "engine.example", which only the proxy can reach. */
async function throughProxy(behavior: Omit<ProxyBehavior, "to"> = {}, login = "") {
  const { engine } = await startEngine();
  const proxy = await connectProxy({ to: { port: portOf(engine) }, ...behavior });
  const scheme = behavior.certificate === undefined ? "http" : "https";
  const environment = { HTTPS_PROXY: `${scheme}://${login}${login === "" ? "" : "@"}localhost:${proxy.port}` };
  const client = await clientOf(engine, { url: "https://engine.example", environment, attempts: 2 });
  return { engine, proxy, client };
}

function portOf(engine: TestEngine): number {
  return Number(new URL(engine.address.url).port);
}

describe("through a proxy", () => {
  it("reads share a tunnel, a write has one of its own, and the proxy sees nothing of what is asked", async () => {
    const { engine, proxy, client } = await throughProxy();
    await listVms(client);
    await listProfiles(client);
    await addProfile(client, { name: "data", network: idOf(engine, "networks", "data") });
    expect(proxy.asked).toEqual([
      { target: "engine.example:443", authorization: undefined },
      { target: "engine.example:443", authorization: undefined },
    ]);
    expect(engine.received.map(({ method }) => method)).toEqual(["GET", "GET", "POST"]);
    expect(proxy.sent().length).toBeGreaterThan(500);
    expect(proxy.sent()).not.toMatch(/password|Bearer|ovirt-engine/);
    await client.close();
    expect(engine.signOn.live).toBe(0);
  });

  it("the engine's certificate is verified, and its name", async () => {
    const { engine, proxy } = await throughProxy();
    const environment = { HTTPS_PROXY: `http://localhost:${proxy.port}` };
    const { rootCertificates } = await import("node:tls");
    for (const options of [
      { url: "https://engine.example", ca: rootCertificates[0] ?? "" },
      { url: "https://other.example" },
    ]) {
      const client = await clientOf(engine, { ...options, environment });
      const error = await failure(listVms(client));
      expect(error).toMatchObject({ mayHaveArrived: false, problem: { code: "engine-certificate" } });
    }
    expect(engine.signOn.issued).toBe(0);
  });

  it("with a login, which no error shows", async () => {
    const { client, proxy } = await throughProxy({ login: "user:pa 55" }, "user:pa%2055");
    expect(await listVms(client)).toHaveLength(3);
    expect(proxy.asked).toEqual([
      { target: "engine.example:443", authorization: `Basic ${Buffer.from("user:pa 55").toString("base64")}` },
    ]);
    const wrong = await throughProxy({ login: "user:right" }, "user:pa55");
    const error = await failure(listVms(wrong.client));
    expect(error).toMatchObject({
      mayHaveArrived: false,
      problem: { code: "proxy-login", what: expect.stringContaining("refuses the user or the password") as string },
    });
    // Once: it locks accounts, too.
    expect(wrong.proxy.asked).toHaveLength(1);
    for (const secret of ["pa55", Buffer.from("user:pa55").toString("base64")])
      expect(everything(error)).not.toContain(secret);
    const none = await throughProxy({ login: "user:right" });
    expect(await failure(listVms(none.client))).toMatchObject({
      problem: { code: "proxy-login", what: expect.stringContaining("requires a user and a password") as string },
    });
  });

  it.each([
    [403, "proxy-refused", 1],
    [405, "proxy-refused", 1],
    [503, "proxy-unreachable", 3],
  ] as const)("that answers %i: %s, asked %i times; it is no answer of the engine's", async (status, code, times) => {
    const { client, proxy, engine } = await throughProxy({ refuses: status });
    const error = await failure(client.delete("/vms/1"));
    expect(error).toMatchObject({ mayHaveArrived: false, problem: { code } });
    expect((error as Error).message).toContain(`through the proxy localhost:${proxy.port}: it answers ${status}`);
    expect(proxy.asked).toHaveLength(times);
    expect(engine.received).toEqual([]);
  });

  it("that does not answer is given up, and says so", async () => {
    const { engine, proxy } = await throughProxy({ refuses: "nothing" });
    const environment = { HTTPS_PROXY: `http://localhost:${proxy.port}` };
    const options = { url: "https://engine.example", environment, attempts: 0, connectTimeout: 200 };
    const client = await clientOf(engine, options);
    expect(await failure(listVms(client))).toMatchObject({
      mayHaveArrived: false,
      problem: { code: "proxy-unreachable", what: expect.stringContaining(`localhost:${proxy.port}`) as string },
    });
  });

  it("that is not there", async () => {
    const { engine } = await startEngine();
    const environment = { HTTPS_PROXY: "http://127.0.0.1:1" };
    const client = await clientOf(engine, { url: "https://engine.example", environment, attempts: 0 });
    expect(await failure(listVms(client))).toMatchObject({
      mayHaveArrived: false,
      problem: { code: "proxy-unreachable", where: "engine.example" },
    });
  });

  it("that speaks TLS itself is trusted only with its certificate", async () => {
    const certificate = await makeCertificate();
    onTestFinished(() => certificate.remove());
    const { client, proxy } = await throughProxy({ certificate });
    expect(await failure(listVms(client))).toMatchObject({ problem: { code: "proxy-certificate" } });
    expect(proxy.asked).toEqual([]);
  });

  it("NO_PROXY goes past it", async () => {
    const { engine } = await startEngine();
    const proxy = await connectProxy({ to: { port: portOf(engine) } });
    const environment = { HTTPS_PROXY: `http://localhost:${proxy.port}`, NO_PROXY: "engine.example" };
    const client = await clientOf(engine, { url: "https://engine.example:1", environment, attempts: 0 });
    expect(await failure(listVms(client))).toMatchObject({ problem: { code: "engine-unreachable" } });
    expect(proxy.asked).toEqual([]);
  });
});

it("a proxy that refuses the login, or that cannot be used, fails a preview", async () => {
  const over = await overEngine();
  const proxy = await connectProxy({ to: { port: portOf(over.engine) }, login: "user:right" });
  const parsed = JSON.parse(over.config.ovirt ?? "") as object;
  const before = process.env["HTTPS_PROXY"];
  onTestFinished(() => {
    if (before === undefined) delete process.env["HTTPS_PROXY"];
    else process.env["HTTPS_PROXY"] = before;
  });
  const check = async (host: string, value: string) => {
    process.env["HTTPS_PROXY"] = value;
    const config = { ...over.config, ovirt: JSON.stringify({ ...parsed, url: `https://${host}` }) };
    const { failures } = await handlers.VnicProfile.check(over.context({ config, command: {} }), standbyInputs);
    return failures.map(({ reason }) => reason);
  };
  expect(await check("engine.example", `http://user:pa55@localhost:${proxy.port}`)).toEqual([
    expect.stringMatching(/through the proxy localhost:\d+: it refuses the user or the password/),
  ]);
  expect(over.warnings).toEqual([]);
  const refused = await failure(check("engine.example:8443", "socks5://u:pa55@proxy.example"));
  expect(refused).toMatchObject({ problem: { code: "proxy-url" } });
  expect(everything(refused) + over.warnings.join()).not.toContain("pa55");
});
