import * as pulumi from "@pulumi/pulumi";
import { progressOn, noProgress, type Progress } from "../../model/progress.js";

/**
 * Progress on the resource's own row of `pulumi up`: the same lines reach the Automation API as ephemeral
 * `diagnosticEvent`s of this URN. Logs nothing outside a dynamic provider's process.
 *
 * The SDK gives a dynamic provider no connection to the engine (pulumi/pulumi#6065), but starts its process with the
 * engine's address as first argument (`@pulumi/pulumi/cmd/dynamic-provider`): enough for the SDK's own log.
 */
export function engineProgress(urn: string | undefined, argv: readonly string[] = process.argv): Progress {
  const address = engineAddress(argv);
  if (urn === undefined || address === undefined) return noProgress;
  // Most operations have nothing to say: what an output costs is theirs who do.
  const row = () => {
    connect(address);
    // Of the resource, the log asks for the URN only.
    const resource: unknown = { urn: pulumi.output(urn) };
    return resource as pulumi.Resource;
  };
  return progressOn({
    show: (line) => void (newest = pulumi.log.info(line, row(), 0, true)),
    info: (line) => void (newest = pulumi.log.info(line, row())),
    warn: (line) => void (newest = pulumi.log.warn(line, row())),
  });
}

/** The SDK sends one line after the other. */
let newest: Promise<void> = Promise.resolve();

/** Every line so far has arrived, or cannot: the engine ends a provider that has answered, whatever it still has to say. */
export function logDelivered(): Promise<void> {
  return newest;
}

/** The engine's `host:port`, if this process is a dynamic provider that the engine has started. */
export function engineAddress([, script, address]: readonly string[]): string | undefined {
  const isProvider = script !== undefined && /[\\/]cmd[\\/]dynamic-provider([\\/]index\.js)?$/.test(script);
  return isProvider && address !== undefined && /^[\w.-]+:\d+$/.test(address) ? address : undefined;
}

let connected: string | undefined;

function connect(address: string): void {
  if (connected === address) return;
  connected = address;
  pulumi.runtime.resetOptions(process.env["PULUMI_NODEJS_PROJECT"] ?? "", "", -1, address, "", false, "");
}
