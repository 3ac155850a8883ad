/** Certificates for libvirt's and QEMU's TLS on the lab's hosts, of an authority that is made for one run. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../lab/command.js";
import type { LabState } from "../lab/lab.js";
import { hosts, running } from "../lab/layout.js";
import { ssh } from "../lab/ssh.js";

const folder = join(running, "pki");

/** Gives both hosts theirs. @returns the folder that a client's URI names by `pkipath`. */
export async function installCertificates(lab: LabState): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await make("cacert", "/CN=lab", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]);
  await make(
    "client",
    "/CN=pulumi",
    ["keyUsage=digitalSignature,keyEncipherment", "extendedKeyUsage=clientAuth"],
    true,
  );
  for (const host of hosts) {
    const { name, address, migrationAddress } = host;
    const names = `subjectAltName=DNS:${name},IP:${address},IP:${migrationAddress}`;
    // QEMU's is a client's, too: of the migrations that leave.
    const uses = ["keyUsage=digitalSignature,keyEncipherment", "extendedKeyUsage=serverAuth,clientAuth", names];
    await make(name, `/CN=${name}`, uses, true);
    const { stdout } = await run("sh", [
      "-c",
      'tar -C "$1" -c cacert.pem "$2.pem" "$2-key.pem" | base64 -w0',
      "sh",
      folder,
      name,
    ]);
    const install = `set -e; cd "$(mktemp -d)"; base64 -d | tar -x; q=/etc/pki/qemu; l=/etc/pki/libvirt
mkdir -p $q $l/private /etc/pki/CA; cp cacert.pem /etc/pki/CA/cacert.pem; cp cacert.pem $q/ca-cert.pem
cp ${name}.pem $l/servercert.pem; cp ${name}-key.pem $l/private/serverkey.pem
for end in server client; do cp ${name}.pem $q/$end-cert.pem; cp ${name}-key.pem $q/$end-key.pem; done`;
    await ssh(lab.image, host, install, { input: stdout });
  }
  copyFileSync(join(folder, "client.pem"), join(folder, "clientcert.pem"));
  copyFileSync(join(folder, "client-key.pem"), join(folder, "clientkey.pem"));
  return folder;
}

/** Makes `NAME.pem` and `NAME-key.pem`, signed by itself or by the authority. */
async function make(name: string, subject: string, extensions: readonly string[], signed = false): Promise<void> {
  const config = join(folder, "openssl.cnf");
  writeFileSync(config, `[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\n${extensions.join("\n")}\n`);
  const by = signed ? ["-CA", join(folder, "cacert.pem"), "-CAkey", join(folder, "cacert-key.pem")] : [];
  await run("openssl", [
    ...["req", "-x509", "-config", config, "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject, ...by],
    ...["-keyout", join(folder, `${name}-key.pem`), "-out", join(folder, `${name}.pem`)],
  ]);
}
