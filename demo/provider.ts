// A Dubbo provider of records: keeps in memory what Set… sends and gives it back to Get….
//
//   Get…(String id): the record that was set, or one named "hello" where none was
//   Set…(record): the record as it is kept
// Both answer with who they are in podName, podNamespace, podIp and service, and with the time now.

import { parseArgs } from "node:util";
import { DubboException } from "./dubbo/errors.ts";
import { DubboServer } from "./dubbo/server.ts";
import type { Services } from "./dubbo/server_call.ts";
import { podFromEnvironment, type Pod } from "./pod.ts";
import { fromJava, toJava, type RecordService } from "./record.ts";
import { RecordStore } from "./record_store.ts";
import { Registrant } from "./registrant.ts";

const GRACE_MS = 2000;
/** Of versions; it is called by those who ask for none. */
const FIRST = "v1";
const ILLEGAL_ARGUMENT = "java.lang.IllegalArgumentException";

/** The handlers of a record service, for a DubboServer. */
export function recordHandlers(service: RecordService, pod: Pod): Services {
  const store = new RecordStore(service.name, service.type, pod);
  return {
    [service.interface]: {
      [service.get.method]: ({ args: [id] }) => {
        if (typeof id !== "string") throw new DubboException(ILLEGAL_ARGUMENT, "id is no string");
        return toJava(service, store.get(id));
      },
      [service.set.method]: ({ args: [value] }) => {
        const { id, name } = fromJava(value);
        if (id === "") throw new DubboException(ILLEGAL_ARGUMENT, "the record has no id");
        return toJava(service, store.set(id, name));
      },
    },
  };
}

/**
 * The whole program: options from the command line (--port, --host, --version-label) or the
 * environment (PORT, HOST, VERSION_LABEL), serving until SIGTERM or SIGINT. With --registry it registers
 * itself in the ZooKeeper at this host:port; a version other than the first is its tag.
 */
export async function runProvider(service: RecordService): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: process.env.PORT || String(service.port) },
      host: { type: "string", default: process.env.HOST || "127.0.0.1" },
      "version-label": { type: "string", default: process.env.VERSION_LABEL || FIRST },
      registry: { type: "string" },
    },
  });
  const pod = podFromEnvironment(service.type, values["version-label"]);
  const server = new DubboServer(recordHandlers(service, pod));
  const port = await server.listen(Number(values.port), values.host);
  console.log(
    `${service.name} (${pod.podName}) serves ${service.interface} on ${values.host}:${port}`,
  );
  const url = `dubbo://${values.host}:${port}/${service.interface}?interface=${service.interface}`;
  const tag = values["version-label"] === FIRST ? "" : `&dubbo.tag=${values["version-label"]}`;
  if (values.registry !== undefined) {
    const registrant = await Registrant.connect(values.registry);
    await registrant.register(`${url}&application=${service.name}&side=provider${tag}`);
    process.once("exit", () => registrant.close());
  }
  const end = () => void server.shutdown(GRACE_MS).then(() => process.exit(0));
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}
