// A program for a pod: asks for users all the time, one call after another, until it is told to end.
// Prints a line per call: the name of the pod that has answered, or "failed" and why.
//
//   --dubbo host:port   where to call
//   --count n           ends after so many calls
//   --fresh             each call over a connection of its own; else all over one
//   --set               sends users instead of asking for them

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { DubboClient } from "../../../demo/dubbo/client.ts";
import { messageOf } from "../../../demo/dubbo/errors.ts";
import { fromJava, toJava, USERS } from "../../../demo/record.ts";

const PERIOD_MS = 10;

const { values } = parseArgs({
  options: {
    dubbo: { type: "string", default: "127.0.0.1:20880" },
    count: { type: "string", default: "1000000" },
    fresh: { type: "boolean", default: false },
    set: { type: "boolean", default: false },
  },
});
const [host, port] = values.dubbo.split(":") as [string, string];
let told = false;
process.once("SIGTERM", () => (told = true));

let client: DubboClient | undefined;
for (let i = 0; i < Number(values.count) && !told; i++) {
  client ??= new DubboClient({ host, port: Number(port), application: "caller" });
  const { method, descriptor } = values.set ? USERS.set : USERS.get;
  const argument = values.set ? toJava(USERS, fromJava({ id: `${i}` })) : `${i}`;
  const call = { interface: USERS.interface, method, descriptor, args: [argument] };
  try {
    console.log(fromJava(await client.call(call)).podName);
  } catch (error) {
    console.log(`failed: ${messageOf(error)}`);
  }
  if (values.fresh) {
    client.close();
    client = undefined;
  }
  await sleep(PERIOD_MS);
}
client?.close();
