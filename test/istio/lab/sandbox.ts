// What keeps a pod's processes together: a network namespace with an address, and a mount namespace
// with the pod's volumes at the places where containers expect them. A process that only sleeps holds
// them, and they are gone when it ends.
//
// All containers of a pod share the one mount namespace, and see this machine's files below it; so of
// two containers' mounts at one path there can only be one.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { output } from "./commands.ts";
import { connectPod } from "./network.ts";

/** A folder or file that is to be at another place too. */
export interface Mount {
  from: string;
  /** Absolute path. */
  to: string;
}

/** What runs in a sandbox. */
export interface ContainerProcess {
  name: string;
  /** The program and its arguments. */
  command: string[];
  /** The whole environment; PATH is added. */
  env?: Record<string, string>;
  /** Number of its user and group; root unless given. */
  user?: number;
  /** Working directory; "/" unless given. */
  cwd?: string;
}

/** Folders in which a pod may have files of its own, without anybody outside seeing them. */
const WRITABLE = ["/etc", "/var", "/run", "/usr/local"];
const START_MS = 10_000;
/** Nothing outlives this, whatever happens. */
const LIFETIME_S = "7200";

/** A pod's namespaces; `openSandbox` makes them. */
export class Sandbox {
  readonly address: string;
  readonly #holder: ManagedProcess;

  constructor(holder: ManagedProcess, address: string) {
    this.#holder = holder;
    this.address = address;
  }

  /** Starts a process in it. */
  start(process: ContainerProcess): ManagedProcess {
    const [command, ...args] = this.#command(process);
    return startProcess({ name: process.name, command: command!, args });
  }

  /** Runs a process in it to its end and gives its standard output. */
  async run(process: ContainerProcess): Promise<string> {
    const [command, ...args] = this.#command(process);
    return output(command!, args);
  }

  /** A process in its network. */
  get pid(): number {
    return this.#holder.pid!;
  }

  /** What goes before a command so that it runs in it, as the process does. */
  prefix(process: Omit<ContainerProcess, "name" | "command">): string[] {
    return this.#command({ name: "", command: [], ...process });
  }

  /** Takes the namespaces away; what still runs in them has to be ended before. */
  async close(): Promise<void> {
    await this.#holder.stop();
  }

  #command({ command, env = {}, user, cwd = "/" }: ContainerProcess): string[] {
    const target = ["nsenter", "--target", String(this.#holder.pid), "--net", "--mount", "--"];
    const variables = { PATH: process.env.PATH ?? "", ...env };
    const pairs = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const clean = ["env", "--ignore-environment", `--chdir=${cwd}`, ...pairs];
    return [...target, ...(user === undefined ? [] : asUser(user)), ...clean, ...command];
  }
}

/** Makes a pod's namespaces, with these mounts. `folder` is for files of its own. */
export async function openSandbox(
  name: string,
  address: string,
  folder: string,
  mounts: Mount[],
): Promise<Sandbox> {
  const holder = startProcess({
    name: `sandbox of ${name}`,
    command: "unshare",
    args: ["--net", "--mount", "sleep", LIFETIME_S],
  });
  try {
    await holder.waitUntil("ready", START_MS, () => commandOf(holder.pid) === "sleep");
    const pid = holder.pid!;
    await connectPod(pid, address);
    const layers = join(folder, "layers");
    mkdirSync(layers);
    const pairs = mounts.flatMap(({ from, to }) => [from, to]);
    const script = ["sh", "-euc", MOUNT, "sh", layers, WRITABLE.join(" "), ...pairs];
    await output("nsenter", ["--target", String(pid), "--mount", ...script]);
    return new Sandbox(holder, address);
  } catch (error) {
    await holder.stop();
    throw error;
  }
}

const MOUNT = `
layers=$1; writable=$2; shift 2
mount -t tmpfs none "$layers"
for folder in $writable; do
  mkdir -p "$layers/upper$folder" "$layers/work$folder"
  options="lowerdir=$folder,upperdir=$layers/upper$folder,workdir=$layers/work$folder"
  mount -t overlay overlay -o "$options" "$folder"
done
while [ $# -gt 0 ]; do
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")"; rm -f "$2"; touch "$2"; fi
  mount --bind "$1" "$2"
  shift 2
done`;

// Traffic capture goes by the user. The capability is for files of this machine's owner, such as the
// repository, which in a pod would be in an image that everybody can read.
function asUser(user: number): string[] {
  const ids = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  return ["setpriv", ...ids, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"];
}

// unshare becomes what it starts when it has done its own part.
function commandOf(pid: number | undefined): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}
