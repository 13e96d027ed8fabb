// A service's settings: from the environment, which stays as it was at the start, and from a file
// that may change at any time. What the file says wins.
//
//   POC_CAPTCHA_LENGTH=4            environment: the name in upper case, with _ for each dot
//   {"captcha": {"length": 4}}      file.json: nested as one likes, or "captcha.length" at once
//   captcha.length=4                any other file: a line per setting, # begins a comment
//
// The file is read again and again, not watched: a ConfigMap is mounted as symlinks, file ->
// ..data/file and ..data -> ..2026_01_01_x/, of which kubelet renames the second one. A watch on the
// file would stay with the old one; its path always leads to the new one, and nothing that happens
// between a read and the beginning of a watch is missed. A ConfigMap that is mounted with `subPath`
// never changes.
//
// Not done: escapes and continued lines of Java's .properties.

import { readFileSync } from "node:fs";

const PREFIX = "POC_";
const READ_MS = 500;

/** Settings by name, e.g. "captcha.length". */
export type Values = Record<string, string>;

/** The settings of one service. */
export class Settings {
  readonly #environment: Values;
  readonly #file: string | undefined;
  #fromFile: Values = {};
  #text = "";
  #reloads = 0;
  #error: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Reads the file, if one is given, and follows it. Throws where it cannot be read now. */
  constructor(environment: NodeJS.ProcessEnv, file?: string) {
    this.#environment = fromEnvironment(environment);
    this.#file = file;
    if (file === undefined) return;
    this.#text = readFileSync(file, "utf8");
    this.#fromFile = parseSettings(file, this.#text);
    this.#timer = setInterval(() => this.#reload(file), READ_MS).unref();
  }

  /** The setting as it is now; the fallback where there is none. */
  get(name: string, fallback: string): string {
    return this.#fromFile[name] ?? this.#environment[name] ?? fallback;
  }

  /** All settings with where each comes from, how often they changed, and what failed last. */
  describe(): object {
    const values: Record<string, { value: string; from: string }> = {};
    for (const [from, origin] of [
      ["environment", this.#environment],
      ["file", this.#fromFile],
    ] as const) {
      for (const [name, value] of Object.entries(origin)) values[name] = { value, from };
    }
    return { values, file: this.#file, reloads: this.#reloads, error: this.#error };
  }

  /** Follows the file no longer. */
  close(): void {
    clearInterval(this.#timer);
  }

  // A file that is gone or wrong changes nothing: a service does not lose its settings to a typo.
  #reload(file: string): void {
    try {
      const text = readFileSync(file, "utf8");
      if (text !== this.#text) {
        this.#fromFile = parseSettings(file, text);
        this.#text = text;
        this.#reloads++;
        console.log(`settings read again from ${file}`);
      }
      this.#error = undefined;
    } catch (error) {
      if (this.#error !== String(error)) console.error(`settings stay as they are: ${error}`);
      this.#error = String(error);
    }
  }
}

/** The settings in a file's text; JSON where the file's name says so. Throws where it is wrong. */
export function parseSettings(file: string, text: string): Values {
  return file.endsWith(".json") ? flat(JSON.parse(text)) : fromLines(text);
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Values {
  const values: Values = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || value === undefined) continue;
    values[name.slice(PREFIX.length).toLowerCase().replaceAll("_", ".")] = value;
  }
  return values;
}

function flat(value: unknown, path: string[] = [], into: Values = {}): Values {
  if (typeof value === "object" && value !== null) {
    for (const [name, part] of Object.entries(value)) flat(part, [...path, name], into);
  } else if (path.length > 0) {
    into[path.join(".")] = String(value);
  } else {
    throw new Error("settings are an object");
  }
  return into;
}

function fromLines(text: string): Values {
  const values: Values = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) continue;
    const [, name, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(content) ?? [];
    if (name === undefined) throw new Error(`line ${index + 1} is not name=value`);
    values[name] = value;
  }
  return values;
}
