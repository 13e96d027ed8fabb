// Builds a Kubernetes control plane for `npm run test:kubernetes` into build/kubernetes/, puts the
// CustomResourceDefinitions of Istio's charts beside it, and builds istiod where `npm run test:istio` has
// its commands, so that Istio is compiled once for both.
//
// Kubernetes is made for being built in its own tree: its go.mod takes the libraries beside it from
// there, and a dependency's replacements do not count. So commands/go.mod names the published ones of
// the same version in their place, and everything that Istio needs too in Istio's version: it is compiled once for
// both (test/ci/modules.test.ts). A first run takes 335 s of CPU time, and 515 s for Istio; a later one takes
// seconds. Needs Go 1.26 or newer, which fetches itself, and `flock`.

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { goBuild } from "../../harness/go_build.ts";
import { fromRoot } from "../../harness/repository.ts";
import { buildIstio, ISTIO_MODULE } from "../istio/go_build.ts";
import { ISTIO_CRDS, KUBERNETES_BUILD } from "./commands.ts";

const run = promisify(execFile);

const MODULE = fromRoot("test", "kubernetes", "commands");
const ISTIO = "istio.io/istio";
const CHARTS_CRDS = ["manifests", "charts", "base", "files", "crd-all.gen.yaml"];
/** Ours, and what is named as tools in go.mod. */
const COMMANDS = [
  "./streams",
  "go.etcd.io/etcd/server/v3",
  "k8s.io/kubernetes/cmd/kube-apiserver",
  "k8s.io/kubernetes/cmd/kube-controller-manager",
  "k8s.io/kubernetes/cmd/kubectl",
];

/** Of Istio's, named as tools in its go.mod: what installs it, istiod and the agent. */
const ISTIO_TOOLS = ["istioctl/cmd/istioctl", "pilot/cmd/pilot-discovery", "pilot/cmd/pilot-agent"];

const kubernetes = await output(MODULE, ["list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes"]);
const [major, minor] = kubernetes.slice(1).split(".");
// What a release's build says of itself: the API server goes by it where it decides what it serves.
const version = { gitVersion: kubernetes, gitMajor: major, gitMinor: minor };
const defined = Object.entries(version).map(
  ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
);
await goBuild({
  module: MODULE,
  out: KUBERNETES_BUILD,
  packages: COMMANDS,
  ldflags: ["-s -w", ...defined].join(" "),
});
await buildIstio(...ISTIO_TOOLS.map((path) => `${ISTIO}/${path}`));
const istio = await output(ISTIO_MODULE, ["list", "-m", "-f", "{{.Dir}}", ISTIO]);
// Not copied: nobody may write to files of Go's module cache, nor to copies of them.
const crds = await readFile(join(istio, ...CHARTS_CRDS));
await writeFile(join(KUBERNETES_BUILD, ISTIO_CRDS), crds);

async function output(cwd: string, args: string[]): Promise<string> {
  return (await run("go", args, { cwd })).stdout.trim();
}
