/**
 * What the provider's process holds after it has read so many interfaces: `provider-memory HANDLERS CLUSTER COUNTS`, all but
 * the path of the built handlers as JSON. Prints one line of JSON for each count. Node.js runs it with --expose-gc.
 */
import { createRequire } from "node:module";
import { interfacesOfVm, interfacesPerVm, vmNames } from "../hosts/fleet.js";

interface Handlers {
  readonly dynamic: {
    readonly VmInterface: {
      configure(request: { config: { get(key: string): string | undefined } }): Promise<void>;
      read(id: string, props: object): Promise<{ id?: string }>;
    };
  };
}

async function main([handlers = "", cluster = "", counts = ""]: string[]): Promise<void> {
  const { dynamic } = createRequire(import.meta.url)(handlers) as Handlers;
  const provider = dynamic.VmInterface;
  await provider.configure({ config: { get: (key) => (key === "vnic-failover:cluster" ? cluster : undefined) } });
  const wanted = JSON.parse(counts) as number[];
  const names = vmNames(Math.max(...wanted) / interfacesPerVm);
  let read = 0;
  for (const count of wanted) {
    for (; read < count; read += interfacesPerVm) {
      const index = read / interfacesPerVm;
      const declared = interfacesOfVm(index, names[index] ?? "");
      const found = await Promise.all(
        declared.map(({ id, ...props }) => provider.read(id, { ...props, __provider: "", __urn: id })),
      );
      if (found.some(({ id }) => id === undefined)) throw new Error(`an interface of ${names[index] ?? ""} is gone`);
    }
    // What a first collection only finalizes goes with the second.
    for (let times = 0; times < 3; times++) {
      globalThis.gc?.();
      await new Promise(setImmediate);
    }
    const { heapUsed, rss } = process.memoryUsage();
    console.log(JSON.stringify({ resources: count, heapUsed, rss }));
  }
  // The connections are open.
  process.exit();
}

void main(process.argv.slice(2));
