// Runs test files, one after another, on one cluster:
//
//   test/istio/private node --import tsx test/istio/lab/run_tests.ts FILE...

import { spawn } from "node:child_process";
import { once } from "node:events";
import { startControlPlane } from "./control_plane.ts";

const plane = await startControlPlane();
try {
  const args = ["--import", "tsx", "--test", "--test-concurrency=1", ...process.argv.slice(2)];
  const env = { ...process.env, LAB_CLUSTER: plane.server.folder };
  const tests = spawn(process.execPath, args, { stdio: "inherit", env });
  const [code] = (await once(tests, "exit")) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await plane.stop();
}
