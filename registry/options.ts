// Options of the command line and of the file that --config names, as configuration.schema.json has them.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import type { RegisterMode } from "./reader.ts";

/** What of JSON Schema is used there. */
interface Property {
  title: string;
  description: string;
  type: "string" | "integer";
  pattern?: string;
  enum?: string[];
  minLength?: number;
  minimum?: number;
  maximum?: number;
  default?: string | number;
}

/** All options, checked; "" for one that is not given and has no default. */
export interface Options {
  zookeeper: string;
  nacos: string;
  nacos_poll_ms: number;
  root: string;
  services: string;
  register_mode: RegisterMode;
  session_timeout_ms: number;
  empty_protection_ms: number;
  ads: string;
  route_config: string;
  guard: string;
  http: string;
  files: string;
  interfaces: string;
  istio: string;
  /** Reads once, writes and ends. */
  once: boolean;
  /** Changes nothing anywhere: what would be written to an API server goes to standard output. */
  dryRun: boolean;
}

const SCHEMA = new URL("configuration.schema.json", import.meta.url);

/** All options, a line each, for who asks for them. */
export function usage(): string {
  const { properties } = readSchema();
  const lines = Object.entries(properties).map(([name, { title, description, default: value }]) => {
    const unlessGiven = value === undefined ? "" : `; ${value} unless given`;
    return `  --${flag(name)}: ${description} (${title}${unlessGiven})`;
  });
  const others = ["--config: a file with any of these, _ for -", "--once", "--dry-run"];
  return [
    "npm run registry -- [OPTION VALUE]...",
    ...lines,
    ...others.map((one) => `  ${one}`),
  ].join("\n");
}

function readSchema(): { properties: Record<string, Property> } {
  return JSON.parse(readFileSync(SCHEMA, "utf8"));
}

/** @throws Error that names the option, or the path in the file, its value and what is expected */
export function readOptions(args: string[]): Options {
  const { properties } = readSchema();
  const names = Object.keys(properties);
  const { values } = parseArgs({
    args,
    options: {
      ...Object.fromEntries(names.map((name) => [flag(name), { type: "string" as const }])),
      config: { type: "string" as const },
      once: { type: "boolean" as const },
      "dry-run": { type: "boolean" as const },
    },
  });
  const given = values as Record<string, string | undefined>;
  const file = given.config === undefined ? {} : readFile(given.config, names);
  const options: Record<string, unknown> = {
    once: values.once === true,
    dryRun: values["dry-run"] === true,
  };
  for (const [name, property] of Object.entries(properties)) {
    const text = given[flag(name)];
    if (text !== undefined) {
      const isNumber = property.type === "integer" && /^\d+$/.test(text);
      options[name] = checked(`--${flag(name)}`, isNumber ? Number(text) : text, property);
    } else if (file[name] !== undefined) {
      options[name] = checked(`$.${name}`, file[name], property);
    } else {
      options[name] = property.default ?? "";
    }
  }
  const all = options as unknown as Options;
  const { zookeeper, nacos, istio, dryRun, once, files, interfaces } = all;
  if (zookeeper === "" && nacos === "") {
    throw new Error("give --zookeeper or --nacos: there is nothing to read");
  }
  if (once && istio !== "" && !dryRun) {
    throw new Error("--once --istio needs --dry-run: it does not wait for the Lease");
  }
  if (once && files === "" && interfaces === "" && istio === "") {
    throw new Error("--once needs --files, --interfaces or --istio: it serves no Envoy");
  }
  return all;
}

function readFile(path: string, names: string[]): Record<string, unknown> {
  const value: unknown = parse(readFileSync(path, "utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`$ is ${JSON.stringify(value)}, expected an object`);
  }
  for (const [name, its] of Object.entries(value)) {
    if (names.includes(name)) continue;
    throw new Error(`$.${name} is ${JSON.stringify(its)}, which is no option`);
  }
  return value as Record<string, unknown>;
}

function checked(where: string, value: unknown, property: Property): unknown {
  if (fits(value, property)) return value;
  throw new Error(`${where} is ${JSON.stringify(value)}, expected ${property.title}`);
}

function fits(value: unknown, { type, pattern, minLength, minimum, maximum, ...rest }: Property) {
  if (type === "integer") {
    return Number.isInteger(value) && Number(value) >= minimum! && Number(value) <= maximum!;
  }
  if (typeof value !== "string") return false;
  if (rest.enum !== undefined && !rest.enum.includes(value)) return false;
  return value.length >= (minLength ?? 0) && new RegExp(pattern ?? "").test(value);
}

function flag(name: string): string {
  return name.replaceAll("_", "-");
}
