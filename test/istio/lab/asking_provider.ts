// In the place of the demo's provider of users: asks over HTTP before it answers, and hands the trace on that its
// call came with.

import { DubboServer } from "../../../demo/dubbo/server.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { USERS } from "../../../demo/record.ts";

const [url] = process.argv.slice(2);
const handlers = recordHandlers(USERS, podFromEnvironment(USERS.type, "v1"));
const get = handlers[USERS.interface]![USERS.get.method]!;
const server = new DubboServer({
  [USERS.interface]: {
    [USERS.get.method]: async (call) => {
      const { traceparent } = call.attachments;
      const headers: Record<string, string> = {};
      if (typeof traceparent === "string") headers.traceparent = traceparent;
      const answer = await fetch(url!, { headers });
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
      await answer.text();
      return get(call);
    },
  },
});
const port = Number(process.env.PORT || USERS.port);
await server.listen(port, process.env.HOST || "127.0.0.1");
console.log(`asks ${url} for users on ${port}`);
process.once("SIGTERM", () => process.exit(0));
