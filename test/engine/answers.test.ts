/**
 * What was seen of a real engine (4.5.7) and no recording has: kinds of requests that the test engine answered otherwise once.
 * The expectations are the real engine's words.
 */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseXml, textOf, child } from "../../provider/xml/element.js";
import type { Recording } from "./recordings/recording.js";
import { exchange, Session, type Answer } from "./recordings/session.js";
import { TestEngine } from "./server.js";

const nowhere = "12345678-1234-1234-1234-123456789012";
const json = { ct: "application/json", accept: "application/json" };
const basic = (user: string) => `Basic ${Buffer.from(`${user}:wrong`).toString("base64")}`;

interface Expected {
  readonly status: number;
  /** Of the fault, by itself or in an action. */
  readonly detail?: string | RegExp;
  readonly reason?: string;
  /** Default: any. */
  readonly contentType?: string;
  readonly body?: string | RegExp;
  readonly correlationId?: string | RegExp;
}

type Row = readonly [
  what: string,
  request: string,
  body: string | undefined,
  expected: Expected,
  options?: Recording["options"],
];

const profile = (content: string) => `<vnic_profile><name>p</name><network id="{net:data}"/>${content}</vnic_profile>`;
const syntax = (call: string): Expected => ({
  status: 400,
  reason: "Request syntactically incorrect.",
  detail: new RegExp(`^For correct usage, see: https://[^ ]*/apidoc#services/${call}$`),
});
const mandatory = (what: string): Expected => ({
  status: 400,
  reason: "Input validation failed.",
  detail: `Parameter '${what}' is mandatory but was not provided.`,
});
const macFormat = /^\[MAC address must be in format "HH:HH:HH:HH:HH:HH".*, Attribute: nic\.macAddress\]$/;

/** In their order, in one session. */
const rows: readonly Row[] = [
  [
    "T1 sorted pages without a direction: clusters",
    "GET /clusters?search=sortby%20name%20page%201&max=100",
    undefined,
    { status: 200, body: /<clusters\/>$/ },
  ],
  [
    "T1 the same: networks",
    "GET /networks?search=sortby%20name%20page%201&max=100",
    undefined,
    { status: 200, body: /<networks\/>$/ },
  ],
  [
    "T1 with a direction",
    "GET /clusters?search=sortby%20name%20asc%20page%201&max=100",
    undefined,
    { status: 200, body: /<cluster .*<cluster .*<cluster /s },
  ],
  ["T2 an unknown field", "GET /vms?search=bogus%3D1", undefined, { status: 200, body: /<vms\/>$/ }],
  ["T2 garbage", "GET /vms?search=%3D%3D%3D", undefined, { status: 200, body: /<vms\/>$/ }],
  [
    "T10 host NICs, nothing further asked for",
    "GET /hosts/{host:host1}/nics",
    undefined,
    { status: 200, body: /^(?!.*(?:virtual_functions_configuration|physical_function)).*host_nic/s },
  ],
  [
    "T10 one of them, by the header",
    "GET /hosts/{host:host1}/nics",
    undefined,
    { status: 200, body: /<virtual_functions_configuration>.*<physical_function /s },
    { headers: { "All-Content": "true" } },
  ],
  ["T19 PUT without a body: profile", "PUT /vnicprofiles/{saved:p}", "", syntax("vnic_profile/methods/update")],
  ["T19 PUT without a body: NIC", "PUT /vms/{vm:db}/nics/{saved:n}", "", syntax("vm_nic/methods/update")],
  [
    "T19 an action without a body: NIC",
    "POST /vms/{vm:db}/nics/{saved:n}/activate",
    "",
    syntax("vm_nic/methods/activate"),
  ],
  ["T19 an action without a body: VM", "POST /vms/{vm:db}/migrate", "", syntax("vm/methods/migrate")],
  ["T20 malformed, of a NIC", "POST /vms/{vm:db}/nics", "<nic><name>x</nic>", syntax("vm_nics/methods/add")],
  [
    "T21 an unknown element, of a NIC",
    "POST /vms/{vm:db}/nics",
    "<nic><name>x</name><colour>red</colour></nic>",
    syntax("vm_nics/methods/add"),
  ],
  [
    "T22 another root",
    "POST /vnicprofiles",
    "<nic><name>x</name></nic>",
    { status: 500, contentType: "text/html;charset=UTF-8", body: /^java\.lang\.ClassCastException@/ },
  ],
  [
    "T23 no network",
    "POST /vnicprofiles",
    "<vnic_profile><name>x</name></vnic_profile>",
    mandatory("profile.network.id"),
  ],
  ["T23 a NIC without a name", "POST /vms/{vm:db}/nics", "<nic/>", mandatory("nic.name")],
  [
    "T26 a bad enum, of a NIC",
    "POST /vms/{vm:db}/nics",
    "<nic><name>x</name><interface>isa</interface></nic>",
    {
      status: 400,
      detail: /^The string 'isa' isn't a valid value for the 'NicInterface' enumerated type\. Valid values are: /,
    },
  ],
  [
    "T27 a bad boolean",
    "POST /vnicprofiles",
    profile("<port_mirroring>yes</port_mirroring>"),
    { status: 400, detail: 'Value "yes" isn\'t a valid boolean, it should be "true" , "false", "0" or "1"' },
  ],
  [
    "T28 booleans and enums in capitals, of a NIC",
    "POST /vms/{vm:db}/nics",
    "<nic><name>caps</name><interface>VIRTIO</interface><linked>FALSE</linked></nic>",
    { status: 201, body: /<interface>virtio<\/interface><linked>false</ },
  ],
  [
    "T29 an id that is none: network",
    "POST /vnicprofiles",
    '<vnic_profile><name>x</name><network id="nonsense"/></vnic_profile>',
    { status: 400, reason: "Operation failed", detail: "Invalid UUID string: nonsense" },
  ],
  [
    "T31 a blank in a NIC's name",
    "POST /vms/{vm:db}/nics",
    "<nic><name>a b</name></nic>",
    { status: 400, detail: '[Name must be formed of alphanumeric characters, numbers or "-_."., Attribute: nic.name]' },
  ],
  [
    "T32 a profile's name of 256",
    "POST /vnicprofiles",
    `<vnic_profile><name>${"n".repeat(256)}</name><network id="{net:data}"/></vnic_profile>`,
    { status: 201 },
  ],
  [
    "T32 of 257",
    "POST /vnicprofiles",
    `<vnic_profile><name>${"n".repeat(257)}</name><network id="{net:data}"/></vnic_profile>`,
    { status: 400, detail: "[size must be between 0 and 256, Attribute: vnicProfile.name]" },
  ],
  [
    "T34 a MAC of zeros",
    "POST /vms/{vm:db}/nics",
    "<nic><name>x</name><mac><address>00:00:00:00:00:00</address></mac></nic>",
    { status: 400, detail: macFormat },
  ],
  [
    "T34 an empty MAC, changed to",
    "PUT /vms/{vm:db}/nics/{saved:n}",
    "<nic><mac><address></address></mac></nic>",
    { status: 400, detail: macFormat },
  ],
  ["T35 NICs of no VM", `GET /vms/${nowhere}/nics`, undefined, { status: 200, body: /<nics\/>$/ }],
  [
    "T35 profiles of no network",
    `GET /networks/${nowhere}/vnicprofiles`,
    undefined,
    { status: 200, body: /<vnic_profiles\/>$/ },
  ],
  [
    "T36 a NIC of no VM",
    `POST /vms/${nowhere}/nics`,
    "<nic><name>x</name></nic>",
    { status: 400, detail: "[Cannot add Interface. VM is not found.]" },
  ],
  ["T39 NICs of no host", `GET /hosts/${nowhere}/nics`, undefined, { status: 404, detail: "Entity not found: Host" }],
  [
    "T40 JSON: made",
    "POST /vnicprofiles",
    '{"name":"j","network":{"id":"{net:data}"}}',
    { status: 201, contentType: "application/json", body: /"name" ?: ?"j"/ },
    json,
  ],
  [
    "T40 JSON: changed",
    "PUT /vms/{vm:db}/nics/{saved:n}",
    '{"linked":"true"}',
    { status: 200, contentType: "application/json" },
    json,
  ],
  ["T41 another type of body", "PUT /vnicprofiles/{saved:p}", "<vnic_profile/>", { status: 415 }, { ct: "text/plain" }],
  ["T43 a matrix parameter", "GET /vnicprofiles;from=0", undefined, { status: 200 }],
  [
    "T44 version 3",
    "GET /vnicprofiles",
    undefined,
    { status: 405, contentType: "text/html;charset=UTF-8" },
    { headers: { Version: "3" } },
  ],
  ["T45 from no number", "GET /events?from=abc&max=1", undefined, { status: 200, body: /<event / }],
  ["T46 an unknown link", "GET /vms/{vm:db}?follow=bogus", undefined, { status: 500 }],
  [
    "T47 a long correlation id",
    "GET /vnicprofiles?max=0",
    undefined,
    { status: 200, correlationId: "x".repeat(36) },
    { headers: { "Correlation-Id": "x".repeat(51) } },
  ],
  [
    "T47 odd characters in it",
    "GET /vnicprofiles?max=0",
    undefined,
    { status: 200, correlationId: "abc" },
    { headers: { "Correlation-Id": "a b/c" } },
  ],
  [
    "T47 as a parameter",
    "GET /vnicprofiles?max=0&correlation_id=by-query",
    undefined,
    { status: 200, correlationId: "by-query" },
  ],
  [
    "T47 none",
    "GET /vnicprofiles?max=0",
    undefined,
    { status: 200, correlationId: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ },
  ],
  [
    "T49 Basic with a wrong password",
    "GET /vnicprofiles",
    undefined,
    {
      status: 401,
      contentType: "text/html;charset=UTF-8",
      body: /access_denied: Cannot authenticate user 'admin@internal': Unable to log in\./,
    },
    { auth: basic("admin@internal") },
  ],
  [
    "T49 of an unknown profile",
    "GET /vnicprofiles",
    undefined,
    { status: 401, body: /Cannot authenticate user 'admin@nowhere': No valid profile found in credentials\./ },
    { auth: basic("admin@nowhere") },
  ],
  // The session's VM moves from here on.
  [
    "migrate to no host",
    "POST /vms/{vm:web}/migrate",
    `<action><host id="${nowhere}"/></action>`,
    { status: 400, detail: "[Cannot migrate VM. Invalid Host Id.]", body: /<status>failed<\/status>/ },
  ],
  [
    "T11 migrate to its own host, by name",
    "POST /vms/{vm:web}/migrate",
    "<action><host><name>host1</name></host></action>",
    {
      status: 400,
      detail: "[There are no hosts to use. Check that the cluster contains at least one host in Up state.]",
    },
  ],
  [
    "migrate",
    "POST /vms/{vm:web}/migrate",
    '<action><host id="{host:host2}"/></action>',
    { status: 200, body: /<host id="[^"]*"\/><job href="[^"]*" id="[^"]*"\/><status>complete<\/status><vm / },
  ],
  [
    "T12 migrate again",
    "POST /vms/{vm:web}/migrate",
    '<action><host id="{host:host2}"/></action>',
    { status: 409, detail: "[Cannot migrate VM. VM migration is in progress]" },
  ],
  [
    "a NIC while it migrates",
    "POST /vms/{vm:web}/nics",
    "<nic><name>x</name></nic>",
    { status: 409, detail: "[Cannot add a Network Interface when VM is not Down, Up or Image-Locked.]" },
  ],
  [
    "T15 cancel it",
    "POST /vms/{vm:web}/cancelmigration",
    "<action/>",
    { status: 200, body: /<status>complete<\/status>/ },
  ],
  [
    "T15 cancel nothing",
    "POST /vms/{vm:web}/cancelmigration",
    "<action/>",
    { status: 409, detail: "[Cannot cancel migration for non migrating VM.]" },
  ],
  [
    "T15 its event",
    "GET /events?max=20",
    undefined,
    {
      status: 200,
      body: /Migration cancelled \(VM: web, Source: host1, User: admin@internal-authz\)\..*<code>161<\/code>.*<severity>normal</s,
    },
  ],
  [
    "T8 a refused migration's event",
    "GET /events?max=20",
    undefined,
    {
      status: 200,
      body: /Migration failed due to a failed validation: \[Cannot migrate VM\. VM migration is in progress\] \(VM: web, Source: host1\)\./,
    },
  ],
  ["T17 stop what is down", "POST /vms/{vm:db}/stop", "<action/>", { status: 200 }],
  [
    "T18 start what is up",
    "POST /vms/{vm:web}/start",
    "<action/>",
    { status: 409, detail: "[Cannot run VM because the VM is in Up status.]" },
  ],
];

describe("an answer", () => {
  let engine: TestEngine;
  let session: Session;
  beforeAll(async () => {
    engine = await TestEngine.start({ stepMillis: "manual" });
    session = await Session.begin(engine);
    await session.send({ request: "POST /vnicprofiles", body: profile(""), options: { save: "p" } });
    await session.send({
      request: "POST /vms/{vm:db}/nics",
      body: "<nic><name>n</name></nic>",
      options: { save: "n" },
    });
  });
  afterAll(() => engine.stop());

  const cases = rows.map(([what, request, body, expected, options]) => ({ what, request, body, expected, options }));
  it.each(cases)("$what", async ({ request, body, expected, options }) => {
    const answer = await session.send({ request, body, options });
    expect(answer.status, answer.body).toBe(expected.status);
    const { detail, reason } = faultIn(answer);
    for (const [found, wanted] of [
      [answer.contentType, expected.contentType],
      [answer.correlationId, expected.correlationId],
      [answer.body.replaceAll(/\n\s*/g, ""), expected.body],
      [detail, expected.detail],
      [reason, expected.reason],
    ] as const) {
      if (wanted !== undefined)
        expect(found ?? "").toMatch(typeof wanted === "string" ? new RegExp(`^${escaped(wanted)}$`) : wanted);
    }
  });
});

describe("the sign-on", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await TestEngine.start({ stepMillis: 5 });
  });
  afterAll(() => engine.stop());

  async function ask(
    form: Readonly<Record<string, string>>,
    path = "/ovirt-engine/sso/oauth/token",
    accept = "application/json",
  ) {
    const answer = await exchange(new URL(path, engine.address.url), await readFile(engine.address.caFile, "utf8"), {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", ...(accept !== "" && { Accept: accept }) },
      body: new URLSearchParams(form).toString(),
    });
    return { status: answer.status, body: JSON.parse(answer.body) as Record<string, string> };
  }
  const password = () => ({
    grant_type: "password",
    scope: "ovirt-app-api",
    username: engine.address.username,
    password: engine.address.password,
  });
  const without = (name: string) => Object.fromEntries(Object.entries(password()).filter(([key]) => key !== name));

  it("T50, T51: gives out tokens of seven days, with more scopes than were asked for", async () => {
    const { status, body } = await ask(password());
    expect(status).toBe(200);
    expect(body["token_type"]).toBe("bearer");
    expect(body["scope"]?.split(" ").length).toBeGreaterThan(1);
    const days = (Number(body["exp"]) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.99);
    expect(days).toBeLessThanOrEqual(7);
    expect(typeof body["exp"]).toBe("string");
  });

  it.each([
    [
      "a wrong password",
      () => ({ ...password(), password: "no" }),
      "access_denied",
      "Cannot authenticate user 'admin@internal': Unable to log in. Verify your login information or contact the system administrator..",
    ],
    [
      "an unknown user",
      () => ({ ...password(), username: "nobody@internal" }),
      "access_denied",
      "Cannot authenticate user 'nobody@internal': Unable to log in. Verify your login information or contact the system administrator..",
    ],
    [
      "an unknown profile",
      () => ({ ...password(), username: "admin@nowhere" }),
      "access_denied",
      "Cannot authenticate user 'admin@nowhere': No valid profile found in credentials..",
    ],
    ["no grant", () => without("grant_type"), "unsupported_grant_type", undefined],
    ["another grant", () => ({ ...password(), grant_type: "magic" }), "unsupported_grant_type", undefined],
    ["no username", () => without("username"), "invalid_request", "Missing parameter: 'username'"],
    ["no password", () => without("password"), "invalid_request", "Missing parameter: 'password'"],
  ])("T50: refuses %s", async (_, form, code, text) => {
    const { status, body } = await ask(form());
    expect({ status, code: body["error_code"] }).toEqual({ status: 400, code });
    if (text !== undefined) expect(body["error"]).toBe(text);
  });

  it("T50: wants to know what is accepted", async () => {
    const { status, body } = await ask(password(), undefined, "");
    expect({ status, error: body["error"] }).toEqual({ status: 400, error: "Missing parameter: 'Accept Header'" });
  });

  it("T53: takes a token back at the engine's own service, and at the sign-on's only from its clients", async () => {
    const { body } = await ask(password());
    const token = body["access_token"] ?? "";
    const before = engine.signOn.live;
    expect(await ask({ token }, "/ovirt-engine/sso/oauth/revoke")).toMatchObject({
      status: 400,
      body: { error: "Missing parameter: 'client_id'" },
    });
    expect(engine.signOn.live).toBe(before);
    expect((await ask({ token, scope: "ovirt-app-api" }, "/ovirt-engine/services/sso-logout")).status).toBe(200);
    expect(engine.signOn.live).toBe(before - 1);
  });
});

it("T52: a wrong password is answered after 5 s, and an unknown profile at once", { timeout: 30_000 }, async () => {
  const engine = await TestEngine.start();
  try {
    const session = await Session.begin(engine);
    const seconds = async (auth: string) => {
      const began = Date.now();
      await session.send({ request: "GET /vnicprofiles", options: { auth } });
      return (Date.now() - began) / 1000;
    };
    const unknown = await seconds(basic("admin@nowhere"));
    const wrong = await seconds(basic("admin@internal"));
    expect(wrong).toBeGreaterThan(4.9);
    expect(unknown).toBeLessThan(wrong);
  } finally {
    await engine.stop();
  }
});

function faultIn({ body, contentType = "" }: Answer): {
  readonly detail?: string | undefined;
  readonly reason?: string | undefined;
} {
  if (!contentType.includes("xml")) return {};
  const root = parseXml(body);
  const fault = root.name === "fault" ? root : child(root, "fault");
  return { detail: textOf(child(fault, "detail")), reason: textOf(child(fault, "reason")) };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
