// A Dubbo client as a process of its own, that is killed while it waits for answers:
//
//     node --import tsx test/faults/silent_caller.ts PORT CALLS
//
// It makes its calls at once, which nobody will answer, and writes "waits".

import { DubboClient } from "../../demo/dubbo/client.ts";
import { FAULTY, type Method } from "./methods.ts";

const [port, calls] = process.argv.slice(2).map(Number);
const client = new DubboClient({ port: port!, timeoutMs: 60_000 });
const method: Method = "keepSilent";
for (let made = 0; made < calls!; made++) {
  client.invoke({ interface: FAULTY, method, descriptor: "", args: [] }).catch(console.error);
}
client.once("connected", () => console.log("waits"));
