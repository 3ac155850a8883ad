/** libvirt's units of memory in bytes (formatdomain.rst, "Memory Allocation"), KiB where none is given. */
import { natural } from "../../../xml/values.js";

const memoryUnits = new Map([
  ["b", 1],
  ["bytes", 1],
  ["KB", 1e3],
  ["k", 2 ** 10],
  ["K", 2 ** 10],
  ["KiB", 2 ** 10],
  ["MB", 1e6],
  ["M", 2 ** 20],
  ["MiB", 2 ** 20],
  ["GB", 1e9],
  ["G", 2 ** 30],
  ["GiB", 2 ** 30],
  ["TB", 1e12],
  ["T", 2 ** 40],
  ["TiB", 2 ** 40],
]);

/** Rounded up. Undefined: there is no number. */
export function kibibytes(size: string | undefined, unit = "KiB"): number | undefined {
  const count = natural(size);
  return count === undefined ? undefined : Math.ceil((count * (memoryUnits.get(unit) ?? 2 ** 10)) / 2 ** 10);
}
