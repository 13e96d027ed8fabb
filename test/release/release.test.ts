// What `npm run release` writes: the same bytes twice, each as its checksum says, the image as a registry and
// Istio's agent take it, and the bill of materials as the compiler has it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { sha256 } from "../../release/image.ts";

const SUITE = { timeout: 300_000 };
const SUMS = "SHA256SUMS";

describe("a release", SUITE, () => {
  let folder: string;
  const file = (name: string): Buffer => readFileSync(join(folder, name));
  const blob = (digest: string): Buffer => file(`image/blobs/${digest.replace(":", "/")}`);

  before(() => {
    folder = join(mkdtempSync(join(tmpdir(), "dubbo-release-")), "files");
    release(folder);
  });
  after(() => rmSync(join(folder, ".."), { recursive: true }));

  test("is the same when made again, into the same folder and into another", () => {
    const first = file(SUMS).toString();
    release(folder);
    assert.equal(file(SUMS).toString(), first);
    const other = `${folder}-made-elsewhere`;
    release(other);
    assert.equal(readFileSync(join(other, SUMS), "utf8"), first);
  });

  test("has a checksum for each file", () => {
    execFileSync("sha256sum", ["--check", "--strict", "--quiet", SUMS], { cwd: folder });
    const summed = file(SUMS).toString().trim().split("\n").length;
    const found = execFileSync("find", [folder, "-type", "f"], { encoding: "utf8" });
    assert.equal(summed + 1, found.trim().split("\n").length);
  });

  test("has the module that was built", () => {
    assert.deepEqual(file("dubbo.wasm"), readFileSync(fromRoot("build/dubbo.wasm")));
  });

  test("has an image whose parts are what points to them, with the module as plugin.wasm", () => {
    const [pointer] = JSON.parse(file("image/index.json").toString()).manifests;
    assert.equal(`${pointer.digest}\n`, file("image.digest").toString());
    const manifest = JSON.parse(blob(pointer.digest).toString());
    assert.equal(manifest.layers.length, 1);
    for (const { digest, size } of [pointer, manifest.config, ...manifest.layers]) {
      assert.equal(digest, `sha256:${sha256(blob(digest))}`);
      assert.equal(size, blob(digest).length);
    }
    const [layer] = manifest.layers;
    assert.equal(layer.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
    const tar = execFileSync("gzip", ["-dc"], { input: blob(layer.digest) });
    const config = JSON.parse(blob(manifest.config.digest).toString());
    assert.deepEqual(config.rootfs.diff_ids, [`sha256:${sha256(tar)}`]);
    assert.equal(execFileSync("tar", ["-t"], { input: tar }).toString(), "plugin.wasm\n");
    const plugin = execFileSync("tar", ["-xO", "plugin.wasm"], { input: tar });
    assert.deepEqual(plugin, file("dubbo.wasm"));
  });

  for (const kind of ["WasmPlugin", "TrafficExtension"]) {
    test(`has ${kind}s that ask for this image`, () => {
      const name = kind === "WasmPlugin" ? "wasm-plugins.yaml" : "traffic-extensions.yaml";
      const objects = parseAllDocuments(file(name).toString()).map((one) => one.toJS());
      const digest = file("image.digest").toString().trim();
      assert.deepEqual(
        objects.map((one) => [
          one.kind,
          one.metadata.name,
          `sha256:${(one.spec.wasm ?? one.spec).sha256}`,
        ]),
        ["dubbo-outbound", "dubbo-inbound"].map((side) => [kind, side, digest]),
      );
      const { version } = JSON.parse(readFileSync(fromRoot("package.json"), "utf8"));
      for (const one of objects) {
        const { url } = one.spec.wasm ?? one.spec;
        assert.ok(url.endsWith(`:${version}`), url);
      }
    });
  }

  test("has an install.yaml that carries the module", () => {
    const objects = parseAllDocuments(file("install.yaml").toString()).map((one) => one.toJS());
    const [map, ...others] = objects.filter(({ kind }) => kind === "ConfigMap");
    assert.deepEqual(others, []);
    const carried = Buffer.from(map.binaryData["dubbo.wasm"], "base64");
    assert.deepEqual(carried, file("dubbo.wasm"));
  });

  test("has a bill of materials with just the packages that the compiler takes from", () => {
    const out = join(folder, "..", "mapped.wasm");
    const asc = fromRoot("node_modules/assemblyscript/bin/asc.js");
    const args = [asc, "assembly/index.ts", "--target", "release", "--sourceMap", "-o", out];
    execFileSync(process.execPath, args, { cwd: ROOT });
    const { sources } = JSON.parse(readFileSync(`${out}.map`, "utf8")) as { sources: string[] };
    // Declarations give no code, so the map does not know where they are from.
    const imported = importsOf("assembly").map((name) => `~lib/${name}/`);
    const from = [...sources, ...imported].map(packageOf);
    const packages = new Set(from.filter((name) => name !== undefined));
    const bill = JSON.parse(file("dubbo.cdx.json").toString());
    assert.deepEqual(
      bill.components.map(({ name }: { name: string }) => name).sort(),
      [...packages].sort(),
    );
    assert.equal(bill.metadata.component.hashes[0].content, sha256(file("dubbo.wasm")));
  });

  test("does not replace a folder that has something else in it", () => {
    const other = join(folder, "..", "else");
    mkdirSync(other);
    writeFileSync(join(other, "mine.txt"), "mine");
    assert.throws(() => release(other), /has something else in it/);
    assert.equal(readFileSync(join(other, "mine.txt"), "utf8"), "mine");
  });
});

function release(folder: string): void {
  const args = ["--import", "tsx", "release/main.ts", folder];
  execFileSync(process.execPath, args, { cwd: ROOT, stdio: "pipe" });
}

/** The package of one of the compiler's sources; undefined for our own. */
function packageOf(source: string): string | undefined {
  const inside = /^~lib\/(@[^/]+\/[^/]+)\//.exec(source);
  if (inside !== null) return inside[1];
  return source.startsWith("~lib/") ? "assemblyscript" : undefined;
}

/** The packages that files in the folder import from, e.g. "@solo-io/proxy-runtime". */
function importsOf(folder: string): string[] {
  const names = readdirSync(fromRoot(folder), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(fromRoot(folder, name), "utf8"))
    .flatMap((text) => [...text.matchAll(/from "(@[^/]+\/[^/"]+)/g)].map(([, name]) => name!));
}
