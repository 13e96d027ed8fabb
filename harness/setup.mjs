// Installs the npm packages that package-lock.json names, if that was not done since it changed; says so first,
// because it takes a while, and says why where it cannot.

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const lock = `${root}package-lock.json`;

if (!existsSync(installed) || statSync(installed).mtimeMs <= statSync(lock).mtimeMs) {
  console.error("installing npm packages into node_modules/ (308 MB on disk, about half a minute)");
  // npm run --silent silences npm too. Two more tries at a registry that does not answer take a minute.
  const args = ["ci", "--loglevel=error", "--no-audit", "--no-fund", "--fetch-retries=1"];
  // Without the packages' own commands: one of them is an npm of version 6, which cannot read the lock file.
  const folders = (process.env.PATH ?? "").split(delimiter);
  const PATH = folders.filter((folder) => !folder.endsWith(join("node_modules", ".bin")));
  const { status } = spawnSync(
    "npm",
    [...args, "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"],
    {
      cwd: root,
      stdio: ["ignore", 2, 2],
      env: { ...process.env, PATH: PATH.join(delimiter), npm_config_loglevel: "error" },
    },
  );
  if (status !== 0) {
    console.error("npm ci failed: the packages could not be installed; its own words stand above");
    process.exit(1);
  }
}
