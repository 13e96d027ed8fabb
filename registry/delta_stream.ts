// One Envoy's stream of DeltaAggregatedResources: what it has subscribed to, what it was sent, and what
// it therefore lacks. Only what has changed is sent.
//
// Make before break: clusters and their endpoints first; routes when Envoy has taken these.

import { CLUSTER, ENDPOINTS, ROUTES, type Resource } from "./envoy_resources.ts";

/** A resource and its version: the same content has the same version, whoever computes it. */
export interface Versioned {
  version: string;
  resource: Resource;
}

/** All that there is, by type and name. */
export type Snapshot = Map<string, Map<string, Versioned>>;

/** DeltaDiscoveryRequest, as far as it is read. */
export interface DeltaRequest {
  type_url: string;
  resource_names_subscribe: string[];
  resource_names_unsubscribe: string[];
  initial_resource_versions: Record<string, string>;
  response_nonce: string;
  error_detail: { message: string } | null;
}

/** DeltaDiscoveryResponse. */
export interface DeltaResponse {
  type_url: string;
  nonce: string;
  resources: { name: string; version: string; resource: Resource }[];
  removed_resources: string[];
}

/** What one type's part of the stream has come to. */
class Subscription {
  /** All resources of the type, whatever their name. */
  wildcard = false;
  readonly names = new Set<string>();
  /** Versions by name, as Envoy has them when it takes what was sent. */
  readonly sent = new Map<string, string>();
  /** Asked for and not answered: what is not there is answered too, as removed. */
  readonly unanswered = new Set<string>();
  /** Nothing was answered yet; Envoy waits for that even where there is nothing. */
  first = true;
  /** Of a response that Envoy has neither taken nor refused yet. */
  nonce = "";
  /** Envoy refused what was sent last. */
  refused = false;

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }
}

/** In this order; see above. */
const ORDER = [CLUSTER, ENDPOINTS, ROUTES];

/** One stream; it sends through `send`. */
export class DeltaStream {
  readonly #types = new Map<string, Subscription>();
  readonly #send: (response: DeltaResponse) => void;
  #snapshot: Snapshot;
  #nonces = 0;

  constructor(snapshot: Snapshot, send: (response: DeltaResponse) => void) {
    this.#snapshot = snapshot;
    this.#send = send;
  }

  /**
   * Takes what Envoy says: a subscription, an acknowledgement or a refusal.
   *
   * @returns why it refuses what was sent last, if it does; it is not sent again before it changes
   */
  take(request: DeltaRequest): string | undefined {
    if (!ORDER.includes(request.type_url)) return undefined;
    let one = this.#types.get(request.type_url);
    if (one === undefined) {
      one = new Subscription();
      this.#types.set(request.type_url, one);
      // The first request of a type without names asks for all of it.
      one.wildcard = request.resource_names_subscribe.length === 0;
      for (const [name, version] of Object.entries(request.initial_resource_versions)) {
        one.sent.set(name, version);
      }
    }
    if (request.response_nonce !== "" && request.response_nonce === one.nonce) {
      one.nonce = "";
      one.refused = request.error_detail !== null;
    }
    for (const name of request.resource_names_subscribe) {
      if (name === "*") one.wildcard = true;
      else one.names.add(name);
      if (!this.#snapshot.get(request.type_url)!.has(name)) one.unanswered.add(name);
      // Who subscribes anew wants it sent anew, unless they have said what they have.
      if (!(name in request.initial_resource_versions)) one.sent.delete(name);
    }
    for (const name of request.resource_names_unsubscribe) {
      if (name === "*") one.wildcard = false;
      one.names.delete(name);
      one.sent.delete(name);
    }
    this.#push();
    return request.error_detail === null ? undefined : request.error_detail.message;
  }

  /** There is something new. */
  update(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#push();
  }

  #push(): void {
    for (const type of ORDER) {
      const one = this.#types.get(type);
      if (one === undefined || one.nonce !== "") continue;
      if (type === ROUTES && !this.#hasEndpoints()) continue;
      this.#sendChanges(type, one);
    }
  }

  #sendChanges(type: string, one: Subscription): void {
    const all = this.#snapshot.get(type)!;
    const resources: DeltaResponse["resources"] = [];
    for (const [name, { version, resource }] of all) {
      if (!one.wants(name) || one.sent.get(name) === version) continue;
      one.sent.set(name, version);
      resources.push({ name, version, resource });
    }
    const removed_resources = [...one.sent.keys(), ...one.unanswered].filter(
      (name) => !all.has(name),
    );
    for (const name of removed_resources) one.sent.delete(name);
    one.unanswered.clear();
    if (resources.length === 0 && removed_resources.length === 0 && !one.first) return;
    one.first = false;
    one.nonce = String(++this.#nonces);
    this.#send({ type_url: type, nonce: one.nonce, resources, removed_resources });
  }

  // Whether Envoy has every cluster with its endpoints, or does not take them from here.
  #hasEndpoints(): boolean {
    const clusters = this.#types.get(CLUSTER);
    // Nobody asks for the endpoints of a cluster that was refused, and the others' routes must not wait.
    if (clusters === undefined || clusters.refused) return true;
    const endpoints = this.#types.get(ENDPOINTS);
    if (clusters.nonce !== "" || (endpoints !== undefined && endpoints.nonce !== "")) return false;
    return [...clusters.sent.keys()].every((name) => endpoints?.sent.has(name));
  }
}
