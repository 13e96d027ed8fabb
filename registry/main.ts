// `npm run registry`: reads a registry of Dubbo's and tells Envoys who serves what, until SIGTERM.
//
//   npm run registry -- --zookeeper 127.0.0.1:2181 --ads 127.0.0.1:18000
//   npm run --silent registry -- --zookeeper 127.0.0.1:2181 --istio dubbo --dry-run --once
//
// Options: configuration.schema.json, and --config <file of these>, --once (read, write, end; serve nobody),
// --dry-run (ServiceEntries to standard output, not to an API server; the log then goes to standard error).
// Exit code 2 where an option is wrong or a file cannot be written.

import { stringify } from "yaml";
import { AdsWriter } from "./ads_writer.ts";
import { Directory } from "./directory.ts";
import { FilesWriter } from "./files_writer.ts";
import type { Instance } from "./instance.ts";
import { writeInterfaces } from "./interfaces_writer.ts";
import { serviceEntries } from "./istio_resources.ts";
import { IstioWriter } from "./istio_writer.ts";
import { KubernetesApi } from "./kubernetes_api.ts";
import { readOptions, usage, type Options } from "./options.ts";
import type { Reader } from "./reader.ts";
import { readers } from "./readers.ts";
import { refreshText } from "./refresh.ts";
import { serveState } from "./state_server.ts";

/** Ends a part. */
type End = () => void | Promise<void>;

if (process.argv.includes("--help")) {
  console.log(usage());
  process.exit(0);
}
try {
  await run(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(`registry: ${(error as Error).message}`);
  process.exit(2);
}

async function run(options: Options): Promise<void> {
  const out = options.dryRun ? process.stderr : process.stdout;
  const log = (message: string) => {
    out.write(JSON.stringify({ time: new Date().toISOString(), message }) + "\n");
  };
  const directory = new Directory();
  const reader = readers(directory, options, log);
  const ends: End[] = [() => reader.close(), () => directory.close()];
  const end = async () => {
    for (const one of ends) await one();
    process.exit(0);
  };
  process.once("SIGTERM", () => void end());
  process.once("SIGINT", () => void end());
  if (options.once) {
    await reader.listed;
    write(options, directory, log);
    await end();
  }
  await serve(options, directory, reader, log, ends);
}

// The writers that keep something up to date; returns what ends them.
function write(options: Options, directory: Directory, log: (line: string) => void): End[] {
  const ends: End[] = [];
  if (options.files !== "") {
    const files = new FilesWriter(directory, options.files, log);
    files.start();
    ends.push(() => files.close());
  }
  if (options.interfaces !== "") ends.push(writeInterfaces(directory, options.interfaces, log));
  if (options.istio !== "" && options.dryRun) {
    ends.push(printServiceEntries(directory, options.istio, log));
  }
  return ends;
}

async function serve(
  options: Options,
  directory: Directory,
  reader: Reader,
  log: (message: string) => void,
  ends: End[],
): Promise<void> {
  const writer = new AdsWriter(directory, {
    address: options.ads,
    routeConfig: options.route_config,
    guard: options.guard,
    log,
  });
  const istio =
    options.istio === "" || options.dryRun ? undefined : await istioWriter(options, directory, log);
  let ready = false;
  const state = await serveState(options.http, () => ({
    ready,
    directory,
    reader: reader.state,
    ads: writer.state,
    istio: istio?.state,
  }));
  ends.push(
    () => writer.close(),
    () => void state.close(),
  );
  await reader.listed;
  await writer.start();
  ends.push(...write(options, directory, log));
  if (istio !== undefined) {
    istio.start();
    ends.unshift(() => istio.close());
  }
  ready = true;
  log(`ads ${options.ads}: serves ${directory.services().size} services`);
}

async function istioWriter(
  options: Options,
  directory: Directory,
  log: (line: string) => void,
): Promise<IstioWriter> {
  return new IstioWriter(directory, await KubernetesApi.load(options.istio), {
    namespace: options.istio,
    emptyProtectionMs: options.empty_protection_ms,
    log,
  });
}

// All of them, as one stream of YAML documents, whenever one is another.
function printServiceEntries(
  directory: Directory,
  namespace: string,
  log: (line: string) => void,
): () => void {
  const textOf = (services: Map<string, Instance[]>) =>
    serviceEntries(services, namespace)
      .map((one) => `---\n${stringify(one)}`)
      .join("");
  return refreshText(directory, textOf, (text) => process.stdout.write(text), log);
}
