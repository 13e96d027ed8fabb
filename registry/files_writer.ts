// Writes who serves what to a folder, for Envoys that are not to depend on a daemon: one file for each
// cluster, a DiscoveryResponse as JSON with its endpoints, for
//
//   eds_cluster_config:
//     service_name: blue/a.A:1.0.0
//     eds_config:
//       path_config_source:
//         path: /eds/blue%2Fa.A%3A1.0.0.json
//         watched_directory: { path: /eds }
//
// A file is named by the percent-encoded service key. A service without instances has one too, so that
// an Envoy which starts does not wait for it.

import { join } from "node:path";
import type { Directory } from "./directory.ts";
import { endpointsOf, ENDPOINTS, isServed } from "./envoy_resources.ts";
import type { Instance } from "./instance.ts";
import { refresh } from "./refresh.ts";
import { replaceFile } from "./replace_file.ts";

/** How the writer is doing, for /metrics. */
export interface FilesState {
  /** Files written, each counted as often as it was. */
  written: number;
}

/** It writes from `start`. */
export class FilesWriter {
  readonly state: FilesState = { written: 0 };
  readonly #directory: Directory;
  readonly #folder: string;
  readonly #log: (line: string) => void;
  readonly #texts = new Map<string, string>();
  #end: (() => void) | undefined;

  /** @param folder is made where it is not there */
  constructor(directory: Directory, folder: string, log: (line: string) => void) {
    this.#directory = directory;
    this.#log = log;
    this.#folder = folder;
  }

  /** Writes all, and from then on what has changed. Throws where a file cannot be written at first. */
  start(): void {
    this.#end = refresh(
      this.#directory,
      (services, now) => {
        for (const [key, instances] of services) {
          if (isServed(instances)) this.#write(key, instances, now);
        }
      },
      this.#log,
    );
  }

  /** Writes no more; the files stay. */
  close(): void {
    this.#end?.();
  }

  #write(key: string, instances: Instance[], now: number): void {
    const assignment = { "@type": ENDPOINTS, cluster_name: key, ...plain(instances, now) };
    const text = JSON.stringify({ resources: [assignment] }, null, 2) + "\n";
    if (this.#texts.get(key) === text) return;
    replaceFile(join(this.#folder, `${encodeURIComponent(key)}.json`), text);
    this.#texts.set(key, text);
    this.state.written++;
  }
}

// As JSON of protobuf has it: wrapped numbers and Struct are plain.
function plain(instances: Instance[], now: number): object {
  const lb_endpoints = endpointsOf(instances, now).map((one) => {
    const fields = Object.entries(one.metadata.filter_metadata["envoy.lb"].fields);
    const texts = fields.map(([name, { stringValue }]) => [name, stringValue]);
    return {
      ...one,
      load_balancing_weight: one.load_balancing_weight.value,
      metadata: { filter_metadata: { "envoy.lb": Object.fromEntries(texts) } },
    };
  });
  return { endpoints: [{ lb_endpoints }] };
}
