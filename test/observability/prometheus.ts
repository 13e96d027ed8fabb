// A running Prometheus that scrapes one target, and what it answers. The server comes with Debian's
// package `prometheus`.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { freePort } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { answers } from "../../harness/readiness.ts";

/** What to scrape, and what Prometheus adds to every series of it. */
export interface Target {
  /** Address of an admin interface, e.g. "127.0.0.1:19000". */
  address: string;
  job: string;
  labels: Record<string, string>;
  /** Whether histograms come as native ones, which Envoy shows from 1.38 on. */
  isNative?: boolean;
}

/** One series of an answer. */
export interface Found {
  labels: Record<string, string>;
  value: number;
}

/** What a scrape asks Envoy for; without the second its buckets are twenty, and far apart. */
const NATIVE = { histogram_buckets: ["prometheusnative"], native_histogram_max_buckets: ["160"] };
const READY_MS = 20_000;
/** Both for scrapes and for rules: a test waits for neither. */
const INTERVAL = "1s";

/** `startPrometheus` makes them. */
export class Prometheus {
  readonly #process: ManagedProcess;
  readonly #url: string;
  readonly #folder: string;

  constructor(process: ManagedProcess, url: string, folder: string) {
    this.#process = process;
    this.#url = url;
    this.#folder = folder;
  }

  /** What an expression is worth now. Rejects where Prometheus cannot read it. */
  async query(expr: string): Promise<Found[]> {
    const answer = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { status, error, data } = (await answer.json()) as Answer;
    if (status !== "success" || data === undefined) throw new Error(`${expr}: ${error}`);
    return data.result.map(({ metric, value }) => {
      const { __name__: _, ...labels } = metric;
      return { labels, value: Number(value[1]) };
    });
  }

  /** Ends it, and removes what it kept. */
  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

interface Answer {
  status: string;
  error?: string;
  data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

/** Starts one with these texts of rules, which are evaluated each second. The caller has to stop it. */
export async function startPrometheus(target: Target, rules: string[]): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "dubbo-prometheus-"));
  const port = await freePort();
  const names = rules.map((text, index) => {
    const name = `rules-${index}.yaml`;
    const { groups } = parse(text) as { groups: object[] };
    const often = groups.map((group) => ({ ...group, interval: INTERVAL }));
    writeFileSync(join(folder, name), stringify({ groups: often }));
    return name;
  });
  const { address, job, labels, isNative = false } = target;
  const config = {
    global: { scrape_interval: INTERVAL, scrape_timeout: INTERVAL },
    rule_files: names,
    scrape_configs: [
      {
        job_name: job,
        metrics_path: "/stats/prometheus",
        ...(isNative && { params: NATIVE }),
        static_configs: [{ targets: [address], labels }],
      },
    ],
  };
  writeFileSync(join(folder, "prometheus.yaml"), stringify(config));
  const process = startProcess({
    name: "prometheus",
    command: "prometheus",
    args: [
      `--config.file=${join(folder, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...(isNative ? ["--enable-feature=native-histograms"] : []),
    ],
  });
  const url = `http://127.0.0.1:${port}`;
  await process.waitUntil("ready", READY_MS, () => answers(`${url}/-/ready`));
  return new Prometheus(process, url, folder);
}
