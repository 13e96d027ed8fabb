// Options by command line and by file: what is taken, and in which words the rest is refused.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { readOptions } from "../../registry/options.ts";

const SCHEMA = JSON.parse(readFileSync(fromRoot("registry", "configuration.schema.json"), "utf8"));
const isValid = new Ajv2020({ strict: false }).compile(SCHEMA);

function file(t: TestContext, text: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "registry-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "registry.yaml"), text);
  return ["--config", join(folder, "registry.yaml")];
}

test("the command line wins over the file, the file over defaults", (t) => {
  const args = file(t, "zookeeper: zk:2181\nads: 127.0.0.1:1\nempty_protection_ms: 0\n");
  const options = readOptions([...args, "--ads", "127.0.0.1:2", "--session-timeout-ms", "5000"]);
  const { zookeeper, ads, root, empty_protection_ms, session_timeout_ms, istio, once } = options;
  assert.deepEqual(
    { zookeeper, ads, root, empty_protection_ms, session_timeout_ms, istio, once },
    {
      zookeeper: "zk:2181",
      ads: "127.0.0.1:2",
      root: "dubbo",
      empty_protection_ms: 0,
      session_timeout_ms: 5000,
      istio: "",
      once: false,
    },
  );
});

for (const [text, message] of [
  ["ads: x", '$.ads is "x", expected host:port'],
  ["register_mode: both", '$.register_mode is "both", expected all, interface or instance'],
  ["session_timeout_ms: 1", "$.session_timeout_ms is 1, expected a whole number from 1000"],
  ["empty_protection_ms: '1'", '$.empty_protection_ms is "1", expected a whole number'],
  ["nacos_poll_ms: 99", "$.nacos_poll_ms is 99, expected a whole number from 100"],
  ["root: /dubbo", '$.root is "/dubbo", expected a path without a slash at its ends'],
  ["adz: x", '$.adz is "x", which is no option'],
  ["[]", "$ is [], expected an object"],
] as const) {
  test(`the file is refused, by the schema too: ${text}`, (t) => {
    assert.throws(
      () => readOptions([...file(t, text), "--zookeeper", "zk:2181"]),
      (error: Error) => error.message.startsWith(message),
    );
    assert.equal(isValid(parse(text)), false);
  });
}

test("what the schema has as defaults and examples is taken", () => {
  for (const [name, property] of Object.entries<any>(SCHEMA.properties)) {
    for (const value of [property.default, ...(property.examples ?? [])]) {
      if (value === undefined) continue;
      assert.ok(isValid({ [name]: value }), name);
      const args = ["--zookeeper", "zk:2181", `--${name.replaceAll("_", "-")}`, `${value}`];
      readOptions(args);
    }
  }
});

test("an option without a value that can be", () => {
  const refused = (args: string[], message: string) =>
    assert.throws(
      () => readOptions(args),
      (error: Error) => error.message.startsWith(message),
    );
  refused([], "give --zookeeper or --nacos");
  for (const address of ["n", "n:1|", "n:1?", "n:1?user=x", "http://n:1"]) {
    refused(["--nacos", address], `--nacos is "${address}", expected host:port, several`);
  }
  refused(["--zookeeper", "zk"], '--zookeeper is "zk", expected host:port, several');
  refused(["--zookeeper", "zk:1", "--http", "x"], '--http is "x", expected host:port');
  refused(["--zookeeper", "zk:1", "--session-timeout-ms", "x"], '--session-timeout-ms is "x"');
});

test("--help lists all options", () => {
  const args = [fromRoot("harness/run.mjs"), "registry/main.ts", "--help"];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  assert.equal(status, 0);
  for (const name of ["zookeeper", "nacos", "guard", "empty-protection-ms", "dry-run"]) {
    assert.match(stdout, new RegExp(`^  --${name}`, "m"));
  }
});
