// Configuration that Envoy reads from files and watches: listeners and endpoints, replaced while it runs.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clustersOf, listenersOf, type Json } from "../../harness/envoy_config.ts";

const TYPES = "type.googleapis.com/envoy.config";

/** A folder of such files, gone with `remove`. */
export class WatchedFiles {
  readonly #folder = mkdtempSync(join(tmpdir(), "watched-"));
  #version = 0;

  /** Makes the configuration take its listeners, and its clusters' endpoints, from files. */
  takeOver(config: Json): void {
    config.node = { id: "test", cluster: "test" };
    config.dynamic_resources = { lds_config: this.#source("listeners") };
    const listeners = listenersOf(config);
    this.putListeners(listeners);
    config.static_resources.listeners = listeners.filter(isInternal);
    for (const cluster of clustersOf(config).filter((one) => !isInternal(one))) {
      this.putEndpoints(cluster.name, cluster.load_assignment.endpoints);
      delete cluster.load_assignment;
      cluster.type = "EDS";
      cluster.eds_cluster_config = { eds_config: this.#source(cluster.name) };
    }
  }

  /** Makes these the listeners; those inside Envoy, which stay what they are, are passed over. */
  putListeners(listeners: Json[]): void {
    const type = `${TYPES}.listener.v3.Listener`;
    const outer = listeners.filter((one) => !isInternal(one));
    this.#put(
      "listeners",
      outer.map((one) => ({ "@type": type, ...one })),
    );
  }

  /** Makes these a cluster's endpoints (`LocalityLbEndpoints`). */
  putEndpoints(cluster_name: string, endpoints: Json[]): void {
    const type = `${TYPES}.endpoint.v3.ClusterLoadAssignment`;
    this.#put(cluster_name, [{ "@type": type, cluster_name, endpoints }]);
  }

  /** Deletes the folder. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #source(name: string): Json {
    return { path_config_source: { path: join(this.#folder, `${name}.json`) } };
  }

  // Envoy looks when a file is moved to the name that it watches.
  #put(name: string, resources: Json[]): void {
    const file = join(this.#folder, `${name}.json`);
    writeFileSync(`${file}.new`, JSON.stringify({ version_info: `${++this.#version}`, resources }));
    renameSync(`${file}.new`, file);
  }
}

// A listener that is dialled inside Envoy, or a cluster that dials one.
function isInternal(one: Json): boolean {
  return /"(internal_listener|envoy_internal_address)"/.test(JSON.stringify(one));
}
