// One Wasm VM as Envoy runs it for network and HTTP filters, strict where Envoy is lenient.
//
//   const vm = Vm.load(readFileSync("build/dubbo.wasm"));
//   const connection = vm.plugin({ config: "{}" }).connect();
//   connection.downstream(bytes);        // what Envoy would send on to the server
//   connection.close("remote");
//   vm.tick();
//   vm.metrics();                        // series → value
//
// It does not emulate threads, sockets or how HTTP is read. A host call that this project does not expect is
// an error (errors.ts); after one, as after a trap, the VM is dead.

import { ALLOWED_FUNCTIONS } from "./abi.ts";
import { Clock } from "./clock.ts";
import type { HostContext } from "./context.ts";
import { HostError, Trap } from "./errors.ts";
import { FOREIGN_FUNCTIONS, type ForeignFunction } from "./foreign.ts";
import { HostCalls } from "./host_calls.ts";
import { DUBBO_LABELS } from "./labels.ts";
import { GuestMemory } from "./memory.ts";
import { type Histogram, MetricStore, MetricTable } from "./metrics.ts";
import { Plugin, type PluginOptions } from "./plugin.ts";
import { Properties, type PropertyValues } from "./properties.ts";
import { SharedData } from "./shared_data.ts";

/** How many log lines a VM keeps. */
const KEPT_LOGS = 10_000;

/** One call of `proxy_log`. */
export interface LogLine {
  level: number;
  message: string;
  /** The export that was running. */
  callback: string;
  contextId: number;
}

export interface VmOptions {
  clock?: Clock;
  /** Properties that every context of the VM sees, such as the node's. */
  properties?: PropertyValues;
  /** Host functions that the module may import. */
  allowed?: readonly string[];
  /** Callbacks that Envoy may not make: its capability list lacks them. */
  denied?: readonly string[];
  /** The VM's own configuration (`vm_config.configuration`). */
  configuration?: string;
  /** Functions beside those of foreign.ts. */
  foreignFunctions?: Record<string, ForeignFunction>;
  /** Given to several VMs, these make them workers of one Envoy. */
  metricStore?: MetricStore;
  sharedData?: SharedData;
}

type Export = (...args: number[]) => number;

/** One instance of a module. */
export class Vm {
  readonly clock: Clock;
  readonly properties: Properties;
  readonly configuration: Uint8Array;
  readonly foreignFunctions: Record<string, ForeignFunction>;
  readonly metricStore: MetricStore;
  readonly sharedData: SharedData;
  readonly metricTable: MetricTable;
  readonly logs: LogLine[] = [];
  /** How often the host asked the module for memory. */
  mallocCalls = 0;

  /** For the host functions: the export that runs, "" for none, and on whose behalf. */
  callback = "";
  #running: HostContext | null = null;
  #caller: HostContext | null = null;

  readonly #memory: GuestMemory;
  readonly #exports: Record<string, Export | undefined>;
  readonly #malloc: Export;
  readonly #contexts = new Map<number, HostContext>();
  readonly #hostCalls: HostCalls;
  readonly #afterCall: (() => void)[] = [];
  #lastContextId = 0;
  #failed = false;

  /** Starts a VM. Compile once (`new WebAssembly.Module`) where many VMs of one module are made. */
  static load(module: Uint8Array | WebAssembly.Module, options: VmOptions = {}): Vm {
    const compiled =
      module instanceof WebAssembly.Module
        ? module
        : new WebAssembly.Module(new Uint8Array(module));
    return new Vm(compiled, options);
  }

  private constructor(module: WebAssembly.Module, options: VmOptions) {
    this.clock = options.clock ?? new Clock();
    this.properties = new Properties(options.properties ?? {}, null);
    this.configuration = new TextEncoder().encode(options.configuration ?? "");
    this.foreignFunctions = { ...FOREIGN_FUNCTIONS, ...options.foreignFunctions };
    this.metricStore = options.metricStore ?? new MetricStore();
    this.sharedData = options.sharedData ?? new SharedData();
    this.metricTable = new MetricTable(this.metricStore);

    this.#hostCalls = new HostCalls(this, module, options.allowed ?? ALLOWED_FUNCTIONS);
    const instance = new WebAssembly.Instance(module, { env: this.#hostCalls.imports });
    const exports = instance.exports as Record<string, WebAssembly.ExportValue>;
    if (exports.proxy_abi_version_0_2_1 === undefined) {
      throw new HostError("no export proxy_abi_version_0_2_1: Envoy takes no such module");
    }
    if (!(exports.memory instanceof WebAssembly.Memory)) throw new HostError("no memory exported");
    this.#memory = new GuestMemory(exports.memory);
    const denied = options.denied ?? [];
    this.#exports = Object.fromEntries(
      Object.entries(exports).filter(([name]) => !denied.includes(name)),
    ) as unknown as Record<string, Export | undefined>;
    const malloc = this.#exports.malloc ?? this.#exports.proxy_on_memory_allocate;
    if (malloc === undefined) throw new HostError("neither malloc nor proxy_on_memory_allocate");
    this.#malloc = malloc;
  }

  /** Starts a plugin: context, VM start, configuration. Ask it for `refused`. */
  plugin(options: PluginOptions = {}): Plugin {
    return new Plugin(this, options);
  }

  /** Runs `proxy_on_tick` as often as in half a second for every plugin that asked for ticks, at least once. */
  tick(): void {
    for (const context of [...this.#contexts.values()]) {
      if (!(context instanceof Plugin)) continue;
      const { tickMilliseconds } = context;
      for (let passed = 0; tickMilliseconds > 0 && passed < 500; passed += tickMilliseconds) {
        this.call(context, "proxy_on_tick", new Uint8Array(0));
      }
    }
  }

  /** Series as Prometheus shows them → value, labels cut out of the names. */
  metrics(labels: readonly string[] = DUBBO_LABELS): Map<string, number | Histogram> {
    return this.metricStore.read(labels);
  }

  /** Calls of each host function since the start or `resetHostCalls`; functions not called lack. */
  get hostCalls(): Record<string, number> {
    return this.#hostCalls.read();
  }

  resetHostCalls(): void {
    this.#hostCalls.reset();
    this.mallocCalls = 0;
  }

  /** Size of the module's linear memory in bytes. */
  memoryBytes(): number {
    return this.#memory.memory.buffer.byteLength;
  }

  /** Log lines of the data callbacks: nothing may log per call. */
  dataLogs(): LogLine[] {
    return this.logs.filter((line) => line.callback.endsWith("stream_data"));
  }

  // From here on for the emulator's own files.

  /** Runs an export on behalf of a context; `input` is what an error will show. */
  call(context: HostContext, callback: string, input: Uint8Array, a = 0, b = 0): number {
    if (this.#failed) throw new HostError(`${callback}: the VM has failed before`);
    if (this.#running !== null) throw new HostError(`${callback} inside ${this.callback}`);
    const run = this.#exports[callback];
    if (run === undefined) return callback === "proxy_on_done" ? 1 : defaultResult(callback);
    this.callback = callback;
    this.#running = this.#caller = context;
    let result: number;
    try {
      result = run(context.id, a, b);
    } catch (error) {
      this.#failed = true;
      throw new Trap(callback, context.id, input, error);
    } finally {
      this.callback = "";
      this.#running = this.#caller = null;
    }
    while (this.#afterCall.length > 0) this.#afterCall.shift()!();
    return result;
  }

  /** Runs an export inside a host call, as Envoy does where closing a connection calls back. */
  reenter(context: HostContext, callback: string, a: number): void {
    const outer = { callback: this.callback, running: this.#running, caller: this.#caller };
    this.callback = callback;
    this.#running = this.#caller = context;
    this.#exports[callback]?.(context.id, a, 0);
    this.callback = outer.callback;
    this.#running = outer.running;
    this.#caller = outer.caller;
  }

  /** The context that the running callback is for. */
  get running(): HostContext | null {
    return this.#running;
  }

  /** False outside of callbacks and inside of malloc, where Envoy has no context to act for. */
  get mayCallHost(): boolean {
    return this.#caller !== null;
  }

  /** The context that host functions act for: the running one unless the module chose another. */
  get caller(): HostContext {
    return this.#caller!;
  }

  setCaller(id: number): void {
    const context = this.#contexts.get(id);
    if (context === undefined) throw new HostError(`effective context ${id} does not exist`);
    this.#caller = context;
  }

  get memory(): GuestMemory {
    return this.#memory;
  }

  addContext(context: HostContext): number {
    const id = ++this.#lastContextId;
    this.#contexts.set(id, context);
    return id;
  }

  removeContext(context: HostContext): void {
    this.#contexts.delete(context.id);
  }

  log(level: number, message: string): void {
    if (this.logs.length >= KEPT_LOGS) return;
    this.logs.push({ level, message, callback: this.callback, contextId: this.caller.id });
  }

  /** Runs `action` once the running callback has returned, as Envoy defers what re-enters the VM. */
  afterCall(action: () => void): void {
    this.#afterCall.push(action);
  }

  /** Hands bytes to the module: asks it for memory, copies them, writes pointer and size. */
  give(bytes: Uint8Array, pointerPointer: number, sizePointer: number, what: string): void {
    let pointer = 0;
    if (bytes.length > 0) {
      this.mallocCalls++;
      const callback = this.callback;
      const caller = this.#caller;
      this.callback = "malloc";
      this.#caller = null;
      pointer = this.#malloc(bytes.length);
      this.callback = callback;
      this.#caller = caller;
      if (pointer === 0) throw new HostError(`${what}: malloc(${bytes.length}) gave null`);
      this.#memory.write(pointer, bytes, `${what}: memory from malloc`);
    }
    this.#memory.writeU32(pointerPointer, pointer, `${what}: where its pointer goes`);
    this.#memory.writeU32(sizePointer, bytes.length, `${what}: where its size goes`);
  }
}

/** What Envoy takes for the answer of an export that the module lacks. */
function defaultResult(callback: string): number {
  return callback === "proxy_on_vm_start" || callback === "proxy_on_configure" ? 1 : 0;
}
