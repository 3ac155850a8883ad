/** What the environment of a process may decide, and what it may not. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeCertificate, type ServerCertificate } from "../../engine/certificate.js";
import { startEngine } from "../../engine/engine.js";
import type { TestEngine } from "../../engine/server.js";
import { connectProxy } from "./connect-proxy.js";

const execute = promisify(execFile);
const TIMEOUT = 240_000;

/** What a process with that environment makes of the engine. */
async function listed(
  { address }: TestEngine,
  environment: Readonly<Record<string, string>>,
  { url = address.url, caFile = address.caFile }: { readonly url?: string; readonly caFile?: string } = {},
): Promise<string> {
  const program = join(import.meta.dirname, "list-vms.ts");
  const { stdout } = await execute(
    process.execPath,
    ["--import", "tsx", program, url, caFile, address.username, address.password],
    { env: { PATH: process.env["PATH"], ...environment } },
  );
  return stdout.trim();
}

async function otherAuthority(): Promise<ServerCertificate> {
  const certificate = await makeCertificate();
  onTestFinished(() => certificate.remove());
  return certificate;
}

describe("X20: NODE_TLS_REJECT_UNAUTHORIZED=0", { timeout: TIMEOUT }, () => {
  const off = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };

  it("does not hand the password to an engine that is not trusted, or has another name", async () => {
    const { engine } = await startEngine();
    const { caFile } = await otherAuthority();
    expect(await listed(engine, off, { caFile })).toBe("engine-certificate");
    const url = engine.address.url.replace("localhost", "127.0.0.1");
    expect(await listed(engine, off, { url })).toBe("engine-certificate");
    expect(engine.signOn.issued).toBe(0);
    expect(await listed(engine, off)).toBe("db legacy web");
  });

  it("nor through a proxy, nor to a proxy", async () => {
    const { engine } = await startEngine();
    const certificate = await otherAuthority();
    const to = { port: Number(new URL(engine.address.url).port) };
    const plain = await connectProxy({ to });
    const secure = await connectProxy({ to, certificate });
    const url = "https://engine.example";
    const { caFile } = certificate;
    const throughPlain = { ...off, HTTPS_PROXY: `http://localhost:${plain.port}` };
    expect(await listed(engine, throughPlain, { url, caFile })).toBe("engine-certificate");
    expect(await listed(engine, throughPlain, { url })).toBe("db legacy web");
    const throughSecure = { ...off, https_proxy: `https://user:pa55@localhost:${secure.port}` };
    expect(await listed(engine, throughSecure, { url })).toBe("proxy-certificate");
    expect(secure.asked).toEqual([]);
  });
});

it("NODE_EXTRA_CA_CERTS lets a proxy be trusted that speaks TLS itself", { timeout: TIMEOUT }, async () => {
  const { engine } = await startEngine();
  const certificate = await otherAuthority();
  const proxy = await connectProxy({ to: { port: Number(new URL(engine.address.url).port) }, certificate });
  const environment = { HTTPS_PROXY: `https://localhost:${proxy.port}`, NODE_EXTRA_CA_CERTS: certificate.caFile };
  expect(await listed(engine, environment, { url: "https://engine.example" })).toBe("db legacy web");
  expect(proxy.asked.map(({ target }) => target)).toContain("engine.example:443");
});
