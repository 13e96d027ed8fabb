// A real API server takes every manifest and recipe, with the commands that the pages print and with
// strict validation of fields; and it refuses broken copies. What it refuses of those that other checks
// are there for (test/manifests, `istioctl`) is written beside them, in test/manifests/broken.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";
import { broken, readBreaks, type Break } from "../manifests/broken.ts";
import {
  manifestFiles,
  readKustomizations,
  readManifest,
  readManifests,
  type Manifest,
} from "../manifests/manifest_files.ts";
import { startApiServer, type ApiServer } from "./api_server.ts";
import { printed } from "./readme.ts";

const LIMIT = { timeout: 600_000 };
const README = "manifests/README.md";
/** What an installation's own tool reads, and no API server. */
const INSTALLATION = "IstioOperator";
const COLUMNS = ":kind,:metadata.name,:metadata.resourceVersion";

describe("a real API server", LIMIT, () => {
  let server: ApiServer;
  const kustomized = new Set(
    readKustomizations().flatMap(({ file, object }) =>
      [basename(file), ...(object.resources ?? [])].map((name) => join(dirname(file), name)),
    ),
  );
  /** Files that are applied by themselves. */
  const alone = manifestFiles().filter(
    (file) => !kustomized.has(file) && !readManifest(file).some(installs),
  );

  before(async () => {
    server = await startApiServer();
    await server.defineIstio();
    // Of `istioctl install` what manifests need: the namespace.
    await server.kubectl("create", "namespace", "istio-system");
  });

  after(async () => server?.stop());

  test("takes what the README applies, and finds nothing to change the second time", async () => {
    const command = printed(README, "kubectl apply -k manifests");
    const first = await server.shell(command);
    assert.match(first, /^configmap\/dubbo-wasm-\w+ created$/m);
    assert.match(first, /^envoyfilter\S*\/local-dubbo-listener created$/m);
    const made = await versions();
    await server.shell(command);
    assert.deepEqual(await versions(), made);
  });

  test("puts a workload of one's own into the filter's reach, as the README says", async () => {
    const own = { NAMESPACE: "own", NAME: "shop" };
    await server.shell("kubectl create namespace own");
    await server.shell("kubectl -n own create deployment shop --image=registry.example.com/shop");
    for (const command of [
      "kubectl -n NAMESPACE create configmap dubbo-wasm --from-file=build/dubbo.wasm",
      "kubectl -n NAMESPACE patch deployment NAME --patch-file docs/istio-workload.yaml",
    ]) {
      const line = printed(README, command);
      await server.shell(
        line.replaceAll(/NAMESPACE|NAME/g, (name) => own[name as keyof typeof own]),
      );
    }
    const shown = "-o jsonpath='{.spec.template.metadata.labels} {.spec.template.spec.volumes}'";
    const template = await server.shell(`kubectl -n own get deployment shop ${shown}`);
    assert.match(template, /"dubbo-filter":"enabled".*"name":"dubbo-wasm"/);
  });

  for (const { file } of readKustomizations()) {
    const folder = dirname(file);
    if (folder === "manifests" || folder === "manifests/mesh-demo") continue;
    test(`takes ${folder}`, async () => {
      for (const line of lines(await server.kubectl("apply", "-k", folder))) {
        assert.match(line, / (created|configured|unchanged)$/);
      }
    });
  }

  for (const file of alone) {
    test(`takes ${file}`, async () => {
      const told = lines(await server.kubectl("apply", "-f", file));
      assert.equal(told.length, readManifest(file).length);
      for (const line of told) assert.match(line, / (created|configured)$/);
    });
  }

  const manifests = readManifests();
  const breaks = readBreaks().filter(({ file }) => !readManifest(file).some(installs));

  for (const edit of breaks.filter(({ refused }) => refused !== undefined)) {
    test(`broken: ${edit.name}, refused`, async () => {
      const file = written(edit);
      const said = await complaint(server.kubectl("apply", "--dry-run=server", "-f", file));
      assert.ok(said.includes(edit.refused!), said);
    });
  }

  test("takes the broken copies that only other checks see through", async () => {
    const files = breaks.filter(({ refused }) => refused === undefined).map(written);
    const named = files.flatMap((file) => ["-f", file]);
    const told = lines(await server.kubectl("apply", "--dry-run=server", ...named));
    assert.equal(told.length, files.length);
    for (const line of told) assert.match(line, / \(server dry run\)$/);
  });

  test("a mounted module cannot be changed under running sidecars", async () => {
    const wasm = "configmap -l app.kubernetes.io/name=dubbo-wasm -o name";
    const [name] = lines(await server.shell(`kubectl -n mesh-demo get ${wasm}`));
    const patch = ["patch", name!, "--patch", '{"binaryData":{"dubbo.wasm":"AGFzbQEAAAA="}}'];
    const said = await complaint(server.kubectl("-n", "mesh-demo", ...patch));
    assert.match(said, /field is immutable when `immutable` is set/);
  });

  /** A file with the object that an edit breaks. */
  function written(edit: Break): string {
    const { object } = broken(manifests, edit).find(({ file }) => file === edit.file)!;
    const path = join(server.folder, `${edit.name}.yaml`);
    writeFileSync(path, stringify(object));
    return path;
  }

  /** Of each object that the README applies, the number of its last change. */
  async function versions(): Promise<string[]> {
    const shown = `--no-headers -o custom-columns=${COLUMNS}`;
    return lines(await server.shell(`kubectl get -k manifests ${shown}`)).sort();
  }
});

function installs({ object }: Manifest): boolean {
  return object.kind === INSTALLATION;
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** What a command complains of; nothing where it succeeds. */
async function complaint(command: Promise<string>): Promise<string> {
  return command.then(
    () => "",
    (error: { stderr?: string }) => error.stderr ?? String(error),
  );
}
