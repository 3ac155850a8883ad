/** A host that does not answer: how long a command waits for it, and what is said meanwhile. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LibvirtCluster } from "../../../provider/backends/libvirt/cluster.js";
import { HostUnreachable } from "../../../provider/backends/libvirt/host-errors.js";
import { openTransport } from "../../../provider/backends/libvirt/transport/index.js";
import { parseConfiguration } from "../../../provider/config/index.js";
import { ProblemError } from "../../../provider/model/problem.js";

vi.mock(import("../../../provider/backends/libvirt/transport/index.js"), async (original) => ({
  ...(await original()),
  openTransport: vi.fn(),
}));

let cluster: LibvirtCluster;
const slow = vi.fn();
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  slow.mockReset();
  vi.mocked(openTransport).mockReset();
  const hosts = { host1: { uri: "qemu+ssh://root@host1/system" } };
  cluster = new LibvirtCluster(parseConfiguration({ cluster: { hosts, networks: {} } }));
  cluster.onSlowHost = slow;
});
afterEach(() => {
  vi.useRealTimers();
});

/** Connecting fails after so many milliseconds. */
const fails = (milliseconds: number) =>
  vi.mocked(openTransport).mockImplementation(
    () =>
      new Promise((_, reject) => {
        setTimeout(() => reject(new ProblemError({ code: "ssh-timeout", what: "timed out" })), milliseconds);
      }),
  );

const ask = () =>
  cluster
    .host("host1")
    .connection()
    .then(
      () => undefined,
      (error: unknown) => error,
    );

it("is waited for once by all that a command asks of it, and asked again as much later", async () => {
  fails(20_000);
  const first = ask();
  await vi.advanceTimersByTimeAsync(20_000);
  const error = await first;
  expect(error).toBeInstanceOf(HostUnreachable);
  await vi.advanceTimersByTimeAsync(15_000);
  expect(await ask()).toBe(error);
  expect(openTransport).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(5000);
  const again = ask();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await again).toBeInstanceOf(HostUnreachable);
  expect(openTransport).toHaveBeenCalledTimes(2);
});

it("is asked again at once where it refused at once: a daemon may just be starting", async () => {
  fails(5);
  for (let time = 0; time < 3; time += 1) {
    const asked = ask();
    await vi.advanceTimersByTimeAsync(5);
    expect(await asked).toBeInstanceOf(HostUnreachable);
  }
  expect(openTransport).toHaveBeenCalledTimes(3);
  expect(slow).not.toHaveBeenCalled();
});

it("is told of after 2 s", async () => {
  fails(20_000);
  const asked = ask();
  await vi.advanceTimersByTimeAsync(1999);
  expect(slow).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2);
  expect(slow).toHaveBeenCalledExactlyOnceWith("host1");
  await vi.advanceTimersByTimeAsync(18_000);
  await asked;
});
