// Real backends of traces and logs on 127.0.0.1: Jaeger, and a small OpenTelemetry Collector. Both are built
// from the Go modules that collectors/go.mod names, into build/collectors; both listen on free ports only.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { goBuild } from "./go_build.ts";
import { freePorts } from "./ports.ts";
import { startProcess, type ManagedProcess } from "./processes.ts";
import { accepts, answers } from "./readiness.ts";
import { fromRoot } from "./repository.ts";

const MODULE = fromRoot("harness", "collectors");
const BUILD = fromRoot("build", "collectors");
const JAEGER = "github.com/jaegertracing/jaeger/cmd/jaeger";
/** Where Jaeger is: $JAEGER_BIN, else where it is once it is built. */
export const JAEGER_BINARY = process.env.JAEGER_BIN || join(BUILD, "jaeger");

const READY_MS = 20_000;
const ASK_MS = 5000;
/** Jaeger would tell port 4317 of its own requests, and wait at its end for who listens there. */
const QUIET = { OTEL_TRACES_SAMPLER: "always_off" };
/** Traces that Jaeger keeps in memory. */
const MOST_TRACES = 10_000;

/** A span as Jaeger answers it. Times are in µs. */
export interface JaegerSpan {
  spanId: string;
  /** Undefined where it is the first of its trace. */
  parentId: string | undefined;
  service: string;
  name: string;
  start: number;
  duration: number;
  tags: Record<string, string | number | boolean>;
}

/** A backend that runs; its owner has to stop it. */
export interface Collector {
  process: ManagedProcess;
  /** Port on 127.0.0.1 where it takes OTLP over HTTP. */
  otlpPort: number;
  stop(): Promise<void>;
}

/** Jaeger, with its query API. */
export interface Jaeger extends Collector {
  /** E.g. "http://127.0.0.1:21234". */
  url: string;
  /** Port on 127.0.0.1 where it takes OTLP over gRPC. */
  otlpGrpcPort: number;
  /** The spans of a trace, in the order of their begin; none where it does not know the trace. */
  trace(id: string): Promise<JaegerSpan[]>;
}

/** Builds both where they are not up to date. Rejects with the compiler's words. */
export async function buildCollectors(): Promise<void> {
  await goBuild({
    module: MODULE,
    out: BUILD,
    packages: [JAEGER, "./collector"],
    ldflags: "-s -w",
  });
}

/** Starts Jaeger with an empty memory. It has to be built. */
export async function startJaeger(): Promise<Jaeger> {
  const [otlpPort, http, grpc, otlpGrpcPort] = await freePorts(4);
  const storage = { memory: { max_traces: MOST_TRACES } };
  const query = {
    storage: { traces: "memory" },
    http: { endpoint: local(http!) },
    grpc: { endpoint: local(grpc!) },
  };
  const url = `http://${local(http!)}`;
  const started = await start(JAEGER_BINARY, otlpPort!, () => answers(`${url}/api/services`), {
    extensions: { jaeger_storage: { backends: { memory: storage } }, jaeger_query: query },
    exporters: { jaeger_storage_exporter: { trace_storage: "memory" } },
    service: service("traces", "jaeger_storage_exporter", ["jaeger_storage", "jaeger_query"]),
    receivers: receivers(otlpPort!, otlpGrpcPort!),
  });
  return { ...started, url, otlpGrpcPort: otlpGrpcPort!, trace: (id) => askTrace(url, id) };
}

/** Starts a Collector that appends the logs it gets to `file`, as OTLP's JSON, a request a line. */
export async function startCollector(file: string): Promise<Collector> {
  const [otlpPort] = await freePorts(1);
  return start(join(BUILD, "collector"), otlpPort!, () => accepts(otlpPort!), {
    exporters: { file: { path: file } },
    service: service("logs", "file", []),
  });
}

async function start(
  command: string,
  otlpPort: number,
  isReady: () => Promise<boolean>,
  config: object,
): Promise<Collector> {
  const name = basename(command);
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const file = join(folder, "config.json");
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify({ receivers: receivers(otlpPort), ...config }));
  const process = startProcess({ name, command, args: ["--config", file], env: QUIET });
  const stop = async (): Promise<void> => {
    await process.stop();
  };
  try {
    await process.waitUntil("ready", READY_MS, isReady);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    // It is read once, at the start.
    rmSync(folder, { recursive: true });
  }
  return { process, otlpPort, stop };
}

/** OTLP over HTTP on one port, and over gRPC on another, if one is given. */
function receivers(http: number, grpc?: number): object {
  const overGrpc = grpc === undefined ? {} : { grpc: { endpoint: local(grpc) } };
  return { otlp: { protocols: { http: { endpoint: local(http) }, ...overGrpc } } };
}

/** One way from OTLP to an exporter, without metrics of its own, which would listen on a port. */
function service(kind: "traces" | "logs", exporter: string, extensions: string[]): object {
  return {
    extensions,
    pipelines: { [kind]: { receivers: ["otlp"], exporters: [exporter] } },
    telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
  };
}

function local(port: number): string {
  return `127.0.0.1:${port}`;
}

async function askTrace(url: string, id: string): Promise<JaegerSpan[]> {
  const response = await fetch(`${url}/api/traces/${id}`, { signal: AbortSignal.timeout(ASK_MS) });
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const [trace] = ((await response.json()) as any).data;
  const spans: JaegerSpan[] = trace.spans.map((span: any) => ({
    spanId: span.spanID,
    parentId: span.references.find(({ refType }: any) => refType === "CHILD_OF")?.spanID,
    service: trace.processes[span.processID].serviceName,
    name: span.operationName,
    start: span.startTime,
    duration: span.duration,
    tags: Object.fromEntries(span.tags.map(({ key, value }: any) => [key, value])),
  }));
  return spans.sort((one, other) => one.start - other.start);
}
