// Runs a program of this repository: `node harness/run.mjs demo/consumer.ts --port 8090`, from any folder.
//
// Puts the program and what it imports from here into one script, build/programs/…, and runs that in this
// very process. A program starts with half of the CPU time that `node --import tsx` takes for it: a demo
// of seven programs is up a second or more earlier on two cores. Packages stay where npm put them.

import { build, stop } from "esbuild";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const program = resolve(root, process.argv[2] ?? "");
const script = resolve(root, "build/programs", `${relative(root, program)}.mjs`);

// What a file asks for its own place, it is told as if it ran there.
const ownPlaces = {
  name: "own places",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll(
        "import.meta.url",
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: "ts",
    })),
};
const { outputFiles } = await build({
  entryPoints: [program],
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  plugins: [ownPlaces],
  logLevel: "error",
  write: false,
});
await stop();
write(script, outputFiles[0].contents);
// The program finds its own name and options where it looks for them.
process.argv.splice(1, 2, program);
await import(pathToFileURL(script).href);

/** Writes the file where it is another, in one step: several start at once. */
function write(file, contents) {
  if (readOrNothing(file)?.equals(contents)) return;
  mkdirSync(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, contents);
  renameSync(unfinished, file);
}

function readOrNothing(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
