// What a process has cost so far, from Linux' own accounting (proc(5), scheduler's schedstat).

import { readdirSync, readFileSync } from "node:fs";

/** Sums over all threads of a process, in ns. */
export interface CpuCost {
  /** Time on a core. */
  ran: number;
  /** Time ready to run while others had the cores. */
  waited: number;
}

/**
 * What a process has cost until now. A thread that runs at this moment is counted up to the kernel's
 * last tick: ask while the process is idle. Throws where there is no such process.
 */
export function cpuCost(pid: number): CpuCost {
  const sum = { ran: 0, waited: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const file = `/proc/${pid}/task/${thread}/schedstat`;
    const [ran, waited] = readFileSync(file, "utf8").split(" ");
    sum.ran += Number(ran);
    sum.waited += Number(waited);
  }
  return sum;
}

/** Memory of a process that is in RAM, in bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`no VmRSS of process ${pid}`);
  return Number(kilobytes) * 1024;
}
