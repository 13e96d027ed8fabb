// The reports of the interop peers, and what can be said about several of them.
//
// A report says per interface, method, version and group how many calls a peer sent (on the
// provider's side: received) and how they ended. Its other end is dubbo-go/peers/tally.go.

/** How the calls of one line ended; `sent` is the sum of all others but `marked`. */
export interface Counts {
  sent: number;
  oneway: number;
  ok: number;
  nulls: number;
  exceptions: number;
  errors: number;
  /** Calls that carried the consumer's own attachment. */
  marked: number;
}

/** One line of a report; `target` is the method that a generic call (`$invoke`) asks for. */
export interface CallLine extends Counts {
  interface: string;
  method: string;
  target?: string;
  version?: string;
  group?: string;
}

/** What a peer prints. */
export interface Report {
  peer: string;
  release: string;
  calls: CallLine[];
  failures: string[];
}

/** A provider that says what it received so far. */
export interface Reporter {
  report(): Promise<Report>;
}

/** How many calls the reports hold together. */
export function totalSent(...reports: Report[]): number {
  return reports.flatMap((report) => report.calls).reduce((sum, line) => sum + line.sent, 0);
}

/** The lines of several reports together, always in the same order. */
export function linesOf(...reports: Report[]): CallLine[] {
  const lines = reports.flatMap((report) => report.calls);
  return lines.sort((a, b) => (lineKey(a) < lineKey(b) ? -1 : 1));
}

function lineKey(line: CallLine): string {
  return [line.interface, line.method, line.target, line.version, line.group].join("\0");
}
