/**
 * The metadata of the proxy's node, as a configuration may ask for it.
 *
 * The host has it; configure.ts says how to ask, so that reading a configuration needs no host.
 */

/** Answers texts of the node's metadata. */
export class NodeMetadata {
  /** @param ask answers the text under a path such as `CLUSTER_ID` or `LABELS.version`, "" for none */
  constructor(private ask: (path: string) => string) {}

  /** The text under `path`, "" where there is none. */
  text(path: string): string {
    return this.ask(path);
  }
}
