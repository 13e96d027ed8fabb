// A ConfigMap as the kubelet mounts it: names that lead through one symlink, so that a change comes
// all at once and never half.
//
//   settings.properties -> ..data/settings.properties
//   ..data -> ..2026_01_01_00_00_00.1
//   ..2026_01_01_00_00_00.1/settings.properties
//
// https://pkg.go.dev/k8s.io/kubernetes/pkg/volume/util#AtomicWriter
//
// Not done: taking away the names of files that are no longer there.

import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Files of a volume by their path in it. */
export type Files = [path: string, content: string | Buffer][];

const DATA = "..data";
const NEW_DATA = "..data_tmp";
/** What follows is a number: no two may be the same. */
const VERSION = "..2026_01_01_00_00_00.";

/** Fills an empty folder with these files, or replaces those in it. True where that changes it. */
export function writeConfigMapVolume(folder: string, files: Files): boolean {
  const data = join(folder, DATA);
  const old = existsSync(data) ? readlinkSync(data) : undefined;
  if (old !== undefined && files.every(([path, content]) => holds(join(data, path), content))) {
    return false;
  }
  const version = `${VERSION}${Number(old?.slice(VERSION.length) ?? 0) + 1}`;
  for (const [path, content] of files) {
    const file = join(folder, version, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  mkdirSync(join(folder, version), { recursive: true });
  symlinkSync(version, join(folder, NEW_DATA));
  renameSync(join(folder, NEW_DATA), data);
  for (const name of new Set(files.map(([path]) => path.split("/")[0]!))) {
    if (!existsSync(join(folder, name))) symlinkSync(join(DATA, name), join(folder, name));
  }
  if (old !== undefined) rmSync(join(folder, old), { recursive: true });
  return true;
}

function holds(file: string, content: string | Buffer): boolean {
  return existsSync(file) && readFileSync(file).equals(Buffer.from(content));
}
