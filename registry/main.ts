// `npm run registry`: reads a registry of Dubbo's and tells Envoys who serves what, until SIGTERM.
//
//   npm run registry -- --zookeeper 127.0.0.1:2181 --ads 127.0.0.1:18000
//
// Options: --root (of ZooKeeper's nodes; dubbo), --services (the node above applications; services),
// --register-mode (which levels are read: all, interface or instance; all), --route-config
// (drds.route_config_name; dubbo), --empty-protection-ms (60000), --session-timeout-ms (60000), --http (host:port of /metrics, /healthz
// and /readyz; 127.0.0.1:18001).
// Exit code 2 where an option is wrong.

import { parseArgs } from "node:util";
import { AdsWriter } from "./ads_writer.ts";
import { Directory } from "./directory.ts";
import { serveState } from "./state_server.ts";
import { REGISTER_MODES, ZooKeeperReader, type RegisterMode } from "./zookeeper_reader.ts";

const HOST_PORT = /^[\w.-]+:\d{1,5}$/;
const HOST_PORTS = /^[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})*$/;
const NAME = /^[\w.-]+(\/[\w.-]+)*$/;

try {
  await run(options());
} catch (error) {
  console.error(`registry: ${(error as Error).message}`);
  process.exit(2);
}

function options() {
  const { values } = parseArgs({
    options: {
      zookeeper: { type: "string", default: "" },
      ads: { type: "string", default: "127.0.0.1:18000" },
      http: { type: "string", default: "127.0.0.1:18001" },
      root: { type: "string", default: "dubbo" },
      services: { type: "string", default: "services" },
      "register-mode": { type: "string", default: "all" },
      "route-config": { type: "string", default: "dubbo" },
      "session-timeout-ms": { type: "string", default: "60000" },
      "empty-protection-ms": { type: "string", default: "60000" },
    },
  });
  expect("--zookeeper", values.zookeeper, HOST_PORTS, "host:port, several separated by commas");
  expect("--ads", values.ads, HOST_PORT, "host:port");
  expect("--http", values.http, HOST_PORT, "host:port");
  expect("--root", values.root, NAME, "a path without a slash at its ends");
  expect("--services", values.services, NAME, "a path without a slash at its ends");
  const modes = new RegExp(`^(${REGISTER_MODES.join("|")})$`);
  expect("--register-mode", values["register-mode"], modes, REGISTER_MODES.join(", "));
  expect("--route-config", values["route-config"], NAME, "a name");
  expect("--empty-protection-ms", values["empty-protection-ms"], /^\d{1,9}$/, "a number of ms");
  expect("--session-timeout-ms", values["session-timeout-ms"], /^\d{4,6}$/, "1000 to 999999 ms");
  return values;
}

function expect(option: string, value: string, pattern: RegExp, what: string): void {
  if (pattern.test(value)) return;
  throw new Error(`${option} is ${JSON.stringify(value)}; expected ${what}`);
}

async function run(values: ReturnType<typeof options>): Promise<void> {
  const log = (line: string) =>
    console.log(JSON.stringify({ time: new Date().toISOString(), message: line }));
  const directory = new Directory();
  const reader = new ZooKeeperReader(directory, {
    servers: values.zookeeper,
    root: values.root,
    services: values.services,
    registerMode: values["register-mode"] as RegisterMode,
    sessionTimeoutMs: Number(values["session-timeout-ms"]),
    emptyProtectionMs: Number(values["empty-protection-ms"]),
    log,
  });
  const writer = new AdsWriter(directory, {
    address: values.ads,
    routeConfig: values["route-config"],
    log,
  });
  let ready = false;
  const state = await serveState(values.http, () => ({
    ready,
    directory,
    reader: reader.state,
    ads: writer.state,
  }));
  const end = () => {
    reader.close();
    writer.close();
    directory.close();
    state.close();
    process.exit(0);
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  await reader.listed;
  await writer.start();
  ready = true;
  log(`ads ${values.ads}: serves ${directory.services().size} services`);
}
