/** libvirt's job statistics in words and numbers (include/libvirt/libvirt-domain.h, VIR_DOMAIN_JOB_*). */
import { JobType } from "../backends/libvirt/constants.js";
import { undefinedOn, type DomainRef, type JobNow, type LibvirtHost } from "../backends/libvirt/host.js";
import type { LibvirtJob } from "./report/report.js";
import type { JobSample } from "./report/timeline.js";

/** What the job that runs does, one of JobOperation; undefined: none runs, or the domain has gone from that host or is shut off there. */
export async function runningOperation(host: LibvirtHost, dom: DomainRef): Promise<number | undefined> {
  const job = await undefinedOn("NO_DOMAIN", () => undefinedOn("OPERATION_INVALID", () => host.job(dom)));
  const runs = job?.type === JobType.BOUNDED || job?.type === JobType.UNBOUNDED;
  return runs ? Number(job.values["operation"]) : undefined;
}

export function describeJob({ values }: JobNow): { sample: Omit<JobSample, "at">; text: string } {
  const memory = { total: number(values["memory_total"]) ?? 0, remaining: number(values["memory_remaining"]) ?? 0 };
  // Of disks that are copied; the memory follows when they are the same on both sides.
  const disks = { total: number(values["disk_total"]) ?? 0, remaining: number(values["disk_remaining"]) ?? 0 };
  const total = memory.total + disks.total;
  const remaining = memory.remaining + disks.remaining;
  const rate = number(values[disks.remaining > 0 ? "disk_bps" : "memory_bps"]) ?? 0;
  const iteration = number(values["memory_iteration"]);
  const downtime = number(values["downtime"]);
  const percent = total === 0 ? 0 : Math.max(0, Math.min(100, (100 * (total - remaining)) / total));
  const text = [
    ...(disks.total > 0 ? [`${bytes(disks.remaining)} of ${bytes(disks.total)} left of the disks`] : []),
    `${bytes(memory.remaining)} of ${bytes(memory.total)} left${disks.total > 0 ? " of the memory" : ""}`,
    ...(rate > 0 ? [`${bytes(rate)}/s`] : []),
    ...(iteration !== undefined && iteration > 1 ? [`pass ${iteration}`] : []),
    ...(downtime !== undefined && downtime > 0 ? [`downtime about ${downtime} ms`] : []),
  ].join(", ");
  return { sample: { percent, remaining, rate }, text };
}

export function summarizeJob(job: JobNow | undefined): LibvirtJob {
  if (job === undefined) return {};
  const entries = {
    downtime: number(job.values["downtime"]),
    total: number(job.values["time_elapsed"]),
    setup: number(job.values["setup_time"]),
    transferred: number(job.values["memory_processed"]),
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

/** `1.5 GiB` */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  const value = count / 2 ** (10 * power);
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? "B"}`;
}

function number(value: string | number | bigint | boolean | undefined): number | undefined {
  return typeof value === "bigint" || typeof value === "number" ? Number(value) : undefined;
}
