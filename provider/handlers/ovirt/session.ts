/** One client a process and configuration: all resources of a `pulumi` command share its token and connections. */
import { readFileSync } from "node:fs";
import {
  EngineClient,
  EngineUnreachable,
  OvirtFault,
  lookUpCluster,
  type EngineCluster,
} from "../../backends/ovirt/rest/index.js";
import { expandHome } from "../../config/home.js";
import { ConfigError, parseEngineConfiguration } from "../../config/index.js";
import { ProblemError } from "../../model/problem.js";
import { digestOf } from "../config-digest.js";
import type { HandlerContext } from "../handler.js";
import { onShutdown } from "../shutdown.js";

export interface Engine {
  readonly client: EngineClient;
  /** The stack's cluster. @throws ProblemError when the engine has none of that name or id. */
  readonly cluster: () => Promise<EngineCluster>;
}

const engines = new Map<string, Engine>();

/** @throws ConfigError */
export function engineOf({ config }: Pick<HandlerContext, "config">): Engine {
  const key = digestOf(config);
  const open = engines.get(key);
  if (open !== undefined) return open;
  const opened = newEngine(config);
  onShutdown(() => {
    engines.delete(key);
    return opened.client.close();
  });
  engines.set(key, opened);
  return opened;
}

/** A client of its own, which who asks for it closes. @throws ConfigError */
export function newEngine(config: HandlerContext["config"]): Engine {
  const { engine, credentials } = parseEngineConfiguration(config);
  const { url, tokenUrl, cluster, caFile } = engine;
  const client = new EngineClient({
    url,
    tokenUrl,
    ...credentials,
    ...(caFile !== undefined && { ca: certificatesIn(caFile) }),
  });
  return { client, cluster: () => lookUpCluster(client, cluster) };
}

/** The error, where it says no more than that the engine does not answer; undefined for any other. */
export function asUnreachable(error: unknown): ProblemError | undefined {
  if (error instanceof EngineUnreachable) return error;
  // The engine's proxy answers in its place.
  return error instanceof OvirtFault && [502, 503, 504].includes(error.status) ? error : undefined;
}

/** For a preview: what the engine says, or undefined where it does not answer. */
export async function undefinedIfUnreachable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (asUnreachable(error) === undefined) throw error;
    return undefined;
  }
}

/** The error, where it says that the engine has no such thing; undefined for any other. */
export function absenceOf(error: unknown): ProblemError | undefined {
  if (error instanceof OvirtFault) return error.isNotFound ? error : undefined;
  return error instanceof ProblemError && error.problem.code === "engine-name-unknown" ? error : undefined;
}

function certificatesIn(file: string): string {
  try {
    return readFileSync(expandHome(file), "utf8");
  } catch (cause) {
    throw new ConfigError(
      {
        code: "config-unreadable",
        what: "Unable to read the certificates of vnic-failover:ovirt.caFile",
        where: file,
        remedy:
          "Save the engine's certificate there: https://<engine>/ovirt-engine/services/pki-resource?resource=ca-certificate&format=X509-PEM-CA.",
      },
      { cause },
    );
  }
}
