// `npm run release [-- FOLDER]` writes what a user downloads into build/release, or the folder:
//
//   dubbo.wasm        the module
//   dubbo.cdx.json    its bill of materials
//   image/            the module as an OCI image layout, to be pushed to a registry
//   image.digest      the image's digest, for a WasmPlugin's `sha256`
//   install.yaml      what `kubectl apply -k manifests` applies, the demo included
//   wasm-plugins.yaml, traffic-extensions.yaml
//                     the WasmPlugins, and the TrafficExtensions that are the same for Istio from 1.30 on,
//                     with the image's digest; `url` is the user's to fill in
//   observability/    dashboards and rules, where the repository has them
//   SHA256SUMS        of all of these, for `sha256sum --check`
//
// The same commit gives the same bytes; install.yaml with the same kubectl or kustomize.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fromRoot, ROOT } from "../harness/repository.ts";
import { sha256, writeImage } from "./image.ts";
import { sbomOf } from "./sbom.ts";

const SUMS = "SHA256SUMS";
const OBSERVABILITY = "observability";
/** As committed: no image has this digest. */
const NO_DIGEST = "0".repeat(64);

const folder = resolve(process.argv[2] ?? fromRoot("build/release"));
const written = readdirIfThere(folder);
// The folder is replaced: only an earlier release, or nothing, may be in it.
if (written.length > 0 && !written.includes(SUMS)) {
  console.error(`${folder} has something else in it: name a folder that is empty or not there`);
  process.exit(1);
}
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const module = readFileSync(fromRoot("build/dubbo.wasm"));
const { version } = JSON.parse(readFileSync(fromRoot("package.json"), "utf8"));
const digest = writeImage(join(folder, "image"), module, version);
write("dubbo.wasm", module);
write("dubbo.cdx.json", sbomOf(sha256(module)));
write("image.digest", `${digest}\n`);
write("install.yaml", rendered());
for (const kind of ["wasm-plugin", "traffic-extension"]) {
  write(`${kind}s.yaml`, bothSides(kind, digest.slice("sha256:".length)));
}
if (existsSync(fromRoot(OBSERVABILITY))) {
  cpSync(fromRoot(OBSERVABILITY), join(folder, OBSERVABILITY), { recursive: true });
}
write(SUMS, sums());
console.log(`${folder}: version ${version}, dubbo.wasm sha256:${sha256(module)}, image ${digest}`);

function write(name: string, content: string | Uint8Array): void {
  writeFileSync(join(folder, name), content);
}

/** What kubectl makes of manifests/, or the kustomize that `npm run test:istio` built. Neither needs a cluster. */
function rendered(): string {
  const built = fromRoot("build/istio/kustomize");
  const [command, verb] = existsSync(built) ? [built, "build"] : ["kubectl", "kustomize"];
  try {
    return execFileSync(command, [verb, "manifests"], { cwd: ROOT, encoding: "utf8" });
  } catch (error) {
    console.error(`install.yaml is rendered by ${command}: ${(error as Error).message}`);
    process.exit(1);
  }
}

/** The objects of this kind for both sides and for the image with this digest. */
function bothSides(kind: string, hash: string): string {
  return ["outbound", "inbound"]
    .map((side) => readFileSync(fromRoot(`manifests/dubbo-${kind}-${side}.yaml`), "utf8"))
    .map((text) => text.replace(NO_DIGEST, hash))
    .join("---\n");
}

/** A line for each file, sorted by name, as `sha256sum` writes them. */
function sums(): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()
    .map((name) => `${sha256(readFileSync(join(folder, name)))}  ${name}\n`)
    .join("");
}

function readdirIfThere(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
