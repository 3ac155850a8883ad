/** Python with oVirt's own client, `ovirt-engine-sdk-python`, in a cache folder of the user's. */
import { execFile } from "node:child_process";
import { mkdir, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const version = "4.6.3";

/** What compiling its XML parser takes on Debian, where pip finds no wheel; pycurl has wheels for most machines. */
const packages = ["python3-venv", "python3-dev", "gcc", "libxml2-dev", "libcurl4-openssl-dev", "libssl-dev"];

export class SdkUnavailable extends Error {
  override readonly name = "SdkUnavailable";
}

const run = promisify(execFile);

/**
 * The python program that has the client; installs it when it is not there yet.
 * @throws SdkUnavailable with the reason.
 */
export async function sdkPython(): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = join(cache, "pulumi-vnic-failover", `ovirt-sdk-${version}`);
  const python = join(folder, "bin", "python");
  if (!existsSync(folder)) await install(folder);
  return python;
}

/** A folder of that name is whole: it gets its name last. */
async function install(folder: string): Promise<void> {
  console.error(`Installing oVirt's Python SDK ${version} into ${folder}`);
  const unfinished = `${folder}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  try {
    try {
      await installInto(unfinished);
    } catch (error) {
      if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) throw error;
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
      await run("apt-get", ["update", "-q"], { env });
      await run("apt-get", ["install", "-qy", "--no-install-recommends", ...packages], { env });
      await installInto(unfinished);
    }
    await rename(unfinished, folder);
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true });
    if (existsSync(folder)) return;
    const why = (cause as Error).message.split("\n")[0] ?? "";
    throw new SdkUnavailable(
      `oVirt's Python SDK can't be installed: ${why}. It needs python3, pip and, on Debian, ${packages.join(", ")}.`,
      { cause },
    );
  }
}

async function installInto(folder: string): Promise<void> {
  await run("python3", ["-m", "venv", "--clear", folder]);
  const python = join(folder, "bin", "python");
  await run(python, [
    "-m",
    "pip",
    "install",
    "-q",
    "--disable-pip-version-check",
    `ovirt-engine-sdk-python==${version}`,
  ]);
  await run(python, ["-c", "import ovirtsdk4"]);
}
