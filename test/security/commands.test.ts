/** A VM's name that a shell would run: libvirt allows it, and messages are copied at three in the morning. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { moveUnderWay } from "../../provider/migration/steps.js";
import { shellWord } from "../../provider/model/shell-word.js";

const evil = "web; echo owned > /tmp/owned #$(id)'\"`id`";

test("X25: a command in a message has the VM's name as one word of a shell", () => {
  const { message } = moveUnderWay(evil, undefined);
  expect(message).toContain(`vnic-failover recover ${shellWord(evil)}`);
  const words = execFileSync("sh", ["-c", `for word in recover ${shellWord(evil)}; do printf '%s\\n' "$word"; done`], {
    encoding: "utf8",
  });
  expect(words).toBe(`recover\n${evil}\n`);
});

test("X25: no message of the product puts a name into a command otherwise", () => {
  const root = join(import.meta.dirname, "../../provider");
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const commands = files.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/(?:vnic-failover|virsh) [a-z -]*\$\{([^}]*)\}/g)].map(
      ([command, inserted = ""]) => ({ file, command, inserted }),
    ),
  );
  expect(commands.length).toBeGreaterThan(15);
  // The names of a node device and of a claim follow from a parsed PCI address.
  const quoted = ({ inserted }: { inserted: string }) => /^(shellWord|nodeDeviceName|claimName)\(/.test(inserted);
  expect(commands.filter((each) => !quoted(each))).toEqual([]);
});
