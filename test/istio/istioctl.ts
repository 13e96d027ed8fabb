// Istio's own command line without a cluster: what it says about files, and what it injects into pods.
//
// The commands' home is a folder of their own: no kubeconfig is found, and nobody's is touched.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { istioCommand, output, type IstioCommand } from "./lab/commands.ts";

/** Something that istioctl or our command analyze says about an object. */
export interface Message {
  /** E.g. "IST0133". */
  code: string;
  level: "Info" | "Warning" | "Error";
  message: string;
  /** Kind, namespace and name. */
  origin: string;
  /** File and line. */
  reference: string;
}

/** What our command analyze prints; see its source. */
export interface Report {
  decode: { file: string; object: number; error: string }[];
  analyze: Message[];
}

/** What Istio says about every EnvoyFilter, whatever is in it. */
export const STANDING = "exposes internal implementation details";

/** A folder in which Istio's commands run; `openIstio` makes them. */
export class Istio {
  readonly folder: string;
  #injected = 0;
  readonly #injections = new Map<string, Promise<string[]>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Runs a command and gives its output. Rejects where it fails, with what it says. */
  run(command: IstioCommand, args: string[]): Promise<string> {
    const home = [`HOME=${this.folder}`, "KUBECONFIG="];
    return output("env", [...home, istioCommand(command), ...args]);
  }

  /** What `istioctl validate` says against files (absolute), one line each, but what it always says. */
  async validate(files: readonly string[]): Promise<string[]> {
    const args = files.flatMap((file) => ["-f", file]);
    const text = await this.run("istioctl", ["validate", ...args]).catch(
      (error: { stderr?: string }) => error.stderr ?? String(error),
    );
    const heads = ["", ...files.map((file) => `"${file}" has warnings:`)];
    return text
      .split("\n")
      .map((line) => line.trim())
      .filter(
        (line) => !heads.includes(line) && !line.endsWith(" is valid") && !line.includes(STANDING),
      );
  }

  /** What `istioctl analyze` says without a cluster about files (absolute). */
  async analyzeOffline(files: readonly string[]): Promise<Message[]> {
    const args = ["analyze", "-A", "--use-kube=false", "-o", "json", ...files];
    return JSON.parse((await this.run("istioctl", args)) || "[]") as Message[];
  }

  /** What our command analyze says about files (absolute). */
  async analyze(files: string[]): Promise<Report> {
    return JSON.parse(await this.run("analyze", files)) as Report;
  }

  /** What a kustomization makes, from the folder (absolute) that it is in. */
  async kustomize(folder: string): Promise<Json[]> {
    return objectsIn(await this.run("kustomize", ["build", folder]));
  }

  /**
   * The objects with Istio's sidecar in their pods, as Istio's default profile injects it, with the
   * files (absolute) of IstioOperators on top where some are given.
   */
  async inject(objects: readonly Json[], ...operators: string[]): Promise<Json[]> {
    const key = operators.join();
    const injection = this.#injections.get(key) ?? this.#injectionFiles(operators);
    this.#injections.set(key, injection);
    const file = await this.write(`to-inject-${this.#injected++}.yaml`, objects);
    // With a revision it asks no cluster for one.
    const args = ["kube-inject", "-f", file, "-r", "default", ...(await injection)];
    return objectsIn(await this.run("istioctl", args));
  }

  /** What an installation with Istio's default profile consists of, as `inject` has it. */
  async installation(...operators: string[]): Promise<Json[]> {
    const args = ["manifest", "generate", "--set", "profile=default"];
    for (const operator of operators) args.push("-f", operator);
    return objectsIn(await this.run("istioctl", args));
  }

  /** Writes objects into a file in the folder; gives its absolute path. */
  async write(name: string, objects: readonly Json[]): Promise<string> {
    const file = join(this.folder, name);
    await writeFile(file, objects.map((object) => stringify(object)).join("---\n"));
    return file;
  }

  /** Removes the folder. */
  async close(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }

  // Istio's injector reads these three from ConfigMaps of the installation.
  async #injectionFiles(operators: string[]): Promise<string[]> {
    const installed = await this.installation(...operators);
    const injector = configMap(installed, "istio-sidecar-injector");
    const files = {
      injectConfigFile: injector.config,
      valuesFile: injector.values,
      meshConfigFile: configMap(installed, "istio").mesh,
    };
    const folder = await mkdtemp(join(this.folder, "injection-"));
    const options: string[] = [];
    for (const [option, text] of Object.entries(files)) {
      const file = join(folder, option);
      await writeFile(file, text as string);
      options.push(`--${option}`, file);
    }
    return options;
  }
}

/** A ConfigMap's data. Throws where there is none of that name. */
export function configMap(objects: readonly Json[], name: string): Json {
  const found = objects.find((one) => one.kind === "ConfigMap" && one.metadata.name === name);
  if (found === undefined) throw new Error(`no ConfigMap ${name}`);
  return found.data;
}

/** A folder for Istio's commands. The caller has to close it. */
export async function openIstio(): Promise<Istio> {
  return new Istio(await mkdtemp(join(tmpdir(), "istio-")));
}

/** The pod of a workload, as an object of its own. */
export function podOf({ spec, metadata }: Json): Json {
  const { name, namespace } = metadata;
  const pod: Json = spec.template;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...pod.metadata, name: `${name}-pod`, namespace },
    spec: pod.spec,
  };
}

function objectsIn(text: string): Json[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Json | null)
    .filter((object) => object !== null);
}
