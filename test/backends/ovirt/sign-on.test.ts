/** Tokens: whose they are, what becomes of them at the end, and an engine that signs on elsewhere. */
import { describe, expect, it, onTestFinished } from "vitest";
import { EngineClient, listVms, SignOnRefused } from "../../../provider/backends/ovirt/rest/index.js";
import { SignOn } from "../../../provider/backends/ovirt/rest/sign-on.js";
import { readFile } from "node:fs/promises";
import { clientOf, startEngine } from "../../engine/engine.js";
import type { TestEngine } from "../../engine/server.js";
import { failure } from "./failure.js";

/** What the engine gives to a client that signs on by itself. */
function tokenOf(engine: TestEngine): string {
  const { username, password } = engine.address;
  const form = new URLSearchParams({ grant_type: "password", scope: "ovirt-app-api", username, password });
  return engine.signOn.token(form, "application/json").body["access_token"] ?? "";
}

async function clientWith(engine: TestEngine, token: string): Promise<EngineClient> {
  const { url, caFile } = engine.address;
  const ca = await readFile(caFile, "utf8");
  const client = new EngineClient({ url, token, ca, wait: () => Promise.resolve() });
  onTestFinished(() => client.close());
  return client;
}

describe("at the end", () => {
  it("each token of ours is returned, also those that were replaced", async () => {
    const { engine, client } = await startEngine();
    await listVms(client);
    // A user without roles has a valid token, and 401 for everything.
    engine.disruptions.add({ kind: "unauthorized", path: "/vms" });
    await listVms(client);
    expect(engine.signOn.live).toBe(2);
    await client.close();
    expect(engine.signOn.live).toBe(0);
  });

  it("a token that is just being got is returned, too, and none is got later", async () => {
    const { engine, client } = await startEngine();
    const asked = failure(listVms(client));
    await client.close();
    await asked;
    expect(engine.signOn.live).toBe(0);
    expect(await failure(listVms(client))).toMatchObject({ problem: { code: "cancelled" } });
    expect(engine.signOn.live).toBe(0);
  });

  it("what cannot be returned is no failure", async () => {
    const { engine, client } = await startEngine();
    await listVms(client);
    await engine.stop();
    engine.stop = () => Promise.resolve();
    await client.close();
  });
});

describe("a token from outside", () => {
  it("is used without a sign-on, and is not returned: it is not ours", async () => {
    const { engine } = await startEngine();
    const client = await clientWith(engine, tokenOf(engine));
    expect(await listVms(client)).toHaveLength(3);
    await client.close();
    expect(engine.signOn).toMatchObject({ issued: 1, live: 1 });
  });

  it("that has ended is an error with what to do, for every request; there is no sign-on", async () => {
    const { engine } = await startEngine();
    const token = tokenOf(engine);
    const client = await clientWith(engine, token);
    await listVms(client);
    engine.signOn.revokeAll();
    engine.received.length = 0;
    for (let times = 0; times < 2; times += 1) {
      const error = await failure(listVms(client));
      expect(error).toBeInstanceOf(SignOnRefused);
      expect(error).toMatchObject({
        problem: {
          code: "engine-token",
          remedy: expect.stringContaining("pulumi config set --secret vnic-failover:ovirtToken") as string,
        },
      });
      expect(JSON.stringify(error) + String(error)).not.toContain(token);
    }
    // What is known to be refused is not sent again.
    expect(engine.received).toHaveLength(1);
    expect(engine.signOn.issued).toBe(1);
  });
});

describe("an engine with Keycloak", () => {
  const credentials = { username: "admin@ovirt@internalsso", password: "a password & more" };

  it("takes the user's name with both, and another token follows one that Keycloak ended", async () => {
    const { engine, client } = await startEngine({ keycloak: true, credentials });
    await listVms(client);
    engine.signOn.revokeAll();
    await listVms(client);
    expect(engine.signOn.issued).toBe(2);
    await client.close();
    expect(engine.signOn.live).toBe(0);
  });

  it("refuses the name that its portal takes, with the remedy", async () => {
    const { engine } = await startEngine({ keycloak: true, credentials });
    const client = await clientOf(engine, { username: "admin@ovirt" });
    const error = await failure(listVms(client));
    expect(error).toMatchObject({ problem: { code: "engine-sign-on" } });
    expect((error as Error).message).toMatch(/"admin@ovirt": .*No valid profile.*admin@ovirt@internalsso/);
  });
});

it("a sign-on on another host gives the token, and the engine revokes it", async () => {
  const { engine: sso } = await startEngine();
  const { engine } = await startEngine();
  const form: string[] = [];
  const asked: string[] = [];
  const places = { origin: new URL(engine.address.url), tokenUrl: new URL("/sso/token", sso.address.url) };
  const signOn = new SignOn(places, { username: "u@p", password: "pa55" }, ({ url, body = "" }) => {
    asked.push(url.href);
    form.push(body);
    return Promise.resolve({
      status: 200,
      statusText: "",
      contentType: "",
      retryAfter: undefined,
      body: '{"access_token":"t"}',
    });
  });
  expect(await signOn.token()).toBe("t");
  await signOn.signOff();
  expect(asked).toEqual([places.tokenUrl.href, new URL("/ovirt-engine/services/sso-logout", places.origin).href]);
  expect(form).toEqual([
    "grant_type=password&scope=ovirt-app-api&username=u%40p&password=pa55",
    "scope=ovirt-app-api&token=t",
  ]);
});

it("a client asks the sign-on that it is told", async () => {
  const { engine: sso } = await startEngine();
  const { engine } = await startEngine();
  // This one has other tokens, so that it refuses what that one gives out.
  const tokenUrl = new URL("/ovirt-engine/sso/oauth/token", sso.address.url).href;
  const client = await clientOf(engine, { tokenUrl, ca: await readFile(sso.address.caFile, "utf8") });
  expect(await failure(listVms(client))).toMatchObject({ problem: { code: "engine-certificate" } });
  expect([engine.signOn.issued, sso.signOn.issued]).toEqual([0, 1]);
  expect(() => new EngineClient({ url: engine.address.url, tokenUrl: "http://sso.example", token: "t" })).toThrow(
    /https/,
  );
});
