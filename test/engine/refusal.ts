import { OvirtFault } from "../../provider/backends/ovirt/rest/index.js";

/** The fault with which the engine refuses. */
export async function refusal(call: Promise<unknown>): Promise<OvirtFault> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof OvirtFault) return outcome;
  throw new Error("the engine did not refuse", { cause: outcome });
}
