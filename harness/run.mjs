// Runs a program of this repository: `node harness/run.mjs demo/consumer.ts --port 8090`, from any folder.
//
// Puts the program and what it imports from here into one script, build/programs/…, and runs that in this
// very process. A program starts with half of the CPU time that `node --import tsx` takes for it: a demo
// of seven programs is up a second or more earlier on two cores. Packages stay where npm put them.
//
// The script's last line names the files that it was made of, with their times: where none has changed
// since, it runs as it is.

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const MADE_OF = "\n// made of ";
const root = fileURLToPath(new URL("..", import.meta.url));
const program = resolve(root, process.argv[2] ?? "");
const script = resolve(root, "build/programs", `${relative(root, program)}.mjs`);
/** What a script depends on besides what it imports from here. */
const ALWAYS = ["harness/run.mjs", "package-lock.json"];

if (!isUpToDate()) await bundle();
// The program finds its own name and options where it looks for them.
process.argv.splice(1, 2, program);
await import(pathToFileURL(script).href);

/** Whether the script is there, and each file that it was made of is as it was then. */
function isUpToDate() {
  try {
    const text = readFileSync(script, "utf8");
    const made = JSON.parse(text.slice(text.lastIndexOf(MADE_OF) + MADE_OF.length));
    return Object.entries(made).every(([file, time]) => timeOf(file) === time);
  } catch {
    // No script, one of before this line, or a file that is gone.
    return false;
  }
}

/** When a file, by its path from the root, was changed, in ms since 1970. Throws where it is not there. */
function timeOf(file) {
  return statSync(resolve(root, file)).mtimeMs;
}

/** Makes the script. */
async function bundle() {
  const begun = Date.now();
  const { build, stop } = await import("esbuild");
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
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [program],
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    plugins: [ownPlaces],
    logLevel: "error",
    metafile: true,
    write: false,
  });
  await stop();
  const files = [...ALWAYS, ...Object.keys(metafile.inputs)];
  const made = Object.fromEntries(files.map((file) => [file, timeOf(file)]));
  // What was changed while it was made may be in it or not: it is made again the next time.
  const isSure = Object.values(made).every((time) => time < begun);
  write(`${outputFiles[0].text}${isSure ? MADE_OF + JSON.stringify(made) : ""}`);
}

/** Writes the script in one step: several start at once. */
function write(text) {
  mkdirSync(dirname(script), { recursive: true });
  const unfinished = `${script}.${process.pid}`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, script);
}
