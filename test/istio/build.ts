// Builds and fetches what `npm run test:istio` needs, before it leaves the network behind: our commands and
// Istio's own into build/istio/, dubbo-go's peers, Envoy. istiod and Kubernetes come from ../kubernetes/build.ts.
//
// A first run downloads the Go modules of Istio and takes 515 s of CPU time, a later one seconds.
// Needs Go 1.26 or newer, which fetches itself, and `flock`.

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findEnvoy } from "../../harness/envoy_binary.ts";
import { goCommand } from "../peers/go_build.ts";
import { buildIstio, ISTIO_MODULE } from "./go_build.ts";
import { ISTIO_BUILD } from "./lab/commands.ts";

const OURS = ["./capture", "./bootstrap", "./registry", "./analyze", "./listeners"];
/** Named as tools in go.mod. */
const TOOLS = [
  "istio.io/istio/istioctl/cmd/istioctl",
  "istio.io/istio/pilot/cmd/pilot-agent",
  "sigs.k8s.io/kustomize/kustomize/v5",
];
await findEnvoy({ log: (line) => console.log(line) });
await goCommand("consumer");
await buildIstio(...OURS, ...TOOLS);
const list = ["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"];
const { stdout } = await promisify(execFile)("go", list, { cwd: ISTIO_MODULE });
const template = join(stdout.trim(), "tools", "packaging", "common", "envoy_bootstrap.json");
// Not copied: nobody may write to files of Go's module cache, nor to copies of them.
await writeFile(join(ISTIO_BUILD, "envoy_bootstrap.json"), await readFile(template));
