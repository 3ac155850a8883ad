/** The programs that need root on a host, started as the host's shell starts them. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { remotePython } from "../../../../provider/backends/libvirt/transport/index.js";
import { need } from "../../../../toolchain/requirement.js";
import { python } from "../../../programs.js";
import { scratch } from "./keys.js";

/** The program itself: what stands on the PATH may be a script that looks for it there. */
const interpreter = execFileSync(need(python), ["-c", "import sys; print(sys.executable)"], {
  encoding: "utf8",
}).trim();

/** An account with this user id, and `sudo` if it has one, on a host with nothing else. */
function account(uid: number, sudo?: string, python: "python3" | "platform-python" | "none" = "python3"): string {
  const folder = join(scratch(), "bin");
  mkdirSync(folder);
  const program = (name: string, text: string): void =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  program("id", `echo ${uid}`);
  if (python !== "none") program(python, `echo "$HAS_ROOT ${python} $1 $2"; exec ${interpreter} "$@"`);
  if (sudo !== undefined) program("sudo", sudo);
  symlinkSync("/bin/sh", join(folder, "sh"));
  return folder;
}

/** sudo as it is with a line for it in sudoers, and without. */
const allows = 'test "$1" = -n && shift && HAS_ROOT=root exec "$@"';
const denies = "echo 'sudo: a password is required' >&2; exit 1";

function run(
  path: string,
  as: "root" | "account" = "root",
): { readonly stdout: string; readonly stderr: string; readonly status: number | null } {
  const program = remotePython("import sys\nprint('it\\'s', sys.stdin.read())", as);
  const command = program.text.replaceAll("/usr/libexec/", `${path}/`);
  return spawnSync("/bin/sh", ["-c", command], { env: { PATH: path }, input: "task $(id)", encoding: "utf8" });
}

describe("a program that needs no rights", () => {
  it("is run as the account, whatever sudo would say", () => {
    expect(run(account(1000, denies), "account").stdout).toBe(" python3 -I -c\nit's task $(id)\n");
    expect(run(account(1000, allows), "account").stdout).toBe(" python3 -I -c\nit's task $(id)\n");
  });
});

describe("a program for root", () => {
  it("is run as it is by root", () => {
    expect(run(account(0, denies)).stdout).toBe(" python3 -I -c\nit's task $(id)\n");
  });

  it("is run by sudo, which asks nothing, for any other account", () => {
    expect(run(account(1000, allows)).stdout).toBe("root python3 -I -c\nit's task $(id)\n");
  });

  it("is not run where sudo refuses, and says so", () => {
    expect(run(account(1000, denies))).toMatchObject({
      stdout: "",
      stderr: "sudo: a password is required\n",
      status: 1,
    });
  });

  it("is run as it is where there is no sudo: its account may have what it needs", () => {
    expect(run(account(1000)).stdout).toBe(" python3 -I -c\nit's task $(id)\n");
  });

  it("is run by RHEL's own Python where there is no python3, by root and by sudo", () => {
    expect(run(account(0, denies, "platform-python")).stdout).toBe(" platform-python -I -c\nit's task $(id)\n");
    expect(run(account(1000, allows, "platform-python")).stdout).toBe("root platform-python -I -c\nit's task $(id)\n");
  });

  it("names python3 where there is none at all", () => {
    const { status, stderr } = run(account(0, denies, "none"));
    expect(status).toBe(127);
    expect(stderr).toContain("python3");
  });
});
