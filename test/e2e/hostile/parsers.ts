// Parsers of others for Prometheus' text format: the client library for Python, which comes from PyPI as
// Envoy does, and promtool.

import { execFile, spawn } from "node:child_process";
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromRoot } from "../../../harness/repository.ts";

/** PyPI's prometheus_client; without dependencies, 60 KB. */
const CLIENT_VERSION = "0.26.0";
const FOLDER = fromRoot(".envoy", `prometheus_client-${CLIENT_VERSION}`);
const INSTALL_MS = 300_000;
const PARSE_MS = 60_000;
const run = promisify(execFile);

// Prints name, labels and value of each sample, as JSON.
const PROGRAM = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families as parse
samples = [[s.name, s.labels, str(s.value)] for f in parse(sys.stdin.read()) for s in f.samples]
json.dump(samples, sys.stdout)
`;

/** One sample as the library read it. */
export type Sample = [name: string, labels: Record<string, string>, value: string];

/** Runs a program on a text. Resolved with its exit code and all that it said. */
function pipe(
  command: string,
  args: string[],
  text: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { timeout: PARSE_MS });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (part: string) => (said[name] += part));
    }
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...said }));
    // A program that ends before it has read everything says so by its code.
    child.stdin.on("error", () => {});
    child.stdin.end(text);
  });
}

async function python(): Promise<string> {
  const binary = join(FOLDER, "bin", "python3");
  const isThere = (): Promise<boolean> =>
    access(join(FOLDER, "installed")).then(
      () => true,
      () => false,
    );
  if (await isThere()) return binary;
  await mkdir(fromRoot(".envoy"), { recursive: true });
  const options = { timeout: INSTALL_MS };
  await run("python3", ["-m", "venv", FOLDER], options);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
  await run(binary, [...pip, `prometheus_client==${CLIENT_VERSION}`], options);
  await mkdir(join(FOLDER, "installed"), { recursive: true });
  return binary;
}

/** All samples of a scrape. Rejects with the library's own words where it cannot read it. */
export async function parseWithClient(text: string): Promise<Sample[]> {
  const { code, stdout, stderr } = await pipe(await python(), ["-c", PROGRAM], text);
  if (code !== 0) throw new Error(`prometheus_client: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout) as Sample[];
}

/** What `promtool check metrics` says of a scrape: its exit code, and a line for each complaint. */
export async function checkWithPromtool(text: string): Promise<{ code: number; lines: string[] }> {
  const { code, stdout, stderr } = await pipe("promtool", ["check", "metrics"], text);
  return { code: code ?? -1, lines: (stdout + stderr).split("\n").filter((line) => line !== "") };
}
