/** What a command asks of its parameters before it looks at anything else (ValidationUtils.validateInputs). */
import { listed } from "../fault.js";
import { worded, type MessageId } from "../messages.js";
import type { Nic, Profile } from "../model.js";

/** Characters. */
const maxProfileName = 256;
const maxNicName = 50;

/** @throws EngineFault */
export function checkProfile({ name }: Profile): void {
  refuse("vnicProfile.name", [name.length > maxProfileName && size(0, maxProfileName)]);
}

/**
 * @param isNew a new NIC may be without a MAC: the pool gives it one.
 * @throws EngineFault
 */
export function checkNic({ name, mac }: Nic, isNew: boolean): void {
  refuse("nic.name", [
    (name.length < 1 || name.length > maxNicName) && size(1, maxNicName),
    !/^[0-9a-zA-Z-_.]+$/.test(name) && text("VALIDATION_NAME_INVALID_WITH_DOT"),
  ]);
  if (isNew && mac === "") return;
  refuse("nic.macAddress", [
    (!/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac) || /(?:00:){5}00$/.test(mac)) &&
      text("VALIDATION_VM_NETWORK_MAC_ADDRESS_INVALID"),
    /^[0-9a-f][13579bdf](?::[0-9a-f]{2}){5}$/i.test(mac) && text("VALIDATION_VM_NETWORK_MAC_ADDRESS_MULTICAST"),
  ]);
}

function refuse(attribute: string, violations: readonly (string | false)[]): void {
  const found = violations.filter((violation) => violation !== false);
  if (found.length === 0) return;
  throw listed(
    400,
    found.flatMap((violation) => [violation, `Attribute: ${attribute}`]),
  );
}

function size(least: number, most: number): string {
  return `size must be between ${least} and ${most}`;
}

function text(id: MessageId): string {
  return worded(id, {});
}
