// Builds commands of Istio, and ours beside them, into build/istio/.

import { fromRoot } from "../../harness/repository.ts";
import { goBuild } from "../../harness/go_build.ts";
import { ISTIO_BUILD } from "./lab/commands.ts";

/** The Go module that has the version of Istio which the manifests are tested with. */
export const ISTIO_MODULE = fromRoot("test", "istio", "istiod");

/** What a release's build says of itself; proxies and istiod go by each other's version. */
const VERSION = "-X istio.io/istio/pkg/version.buildVersion=1.31.0";

/** Builds packages of the module, or tools of its go.mod, where they are not up to date. */
export async function buildIstio(...packages: string[]): Promise<void> {
  const ldflags = `-s -w ${VERSION}`;
  await goBuild({ module: ISTIO_MODULE, out: ISTIO_BUILD, packages, ldflags });
}
