// The data service, the end of the chain.
//
//   GET /data   settings: item

import { runService } from "./server.ts";

await runService({
  name: "poc-data",
  port: 8072,
  paths: ({ settings }) => ({
    "/data": async () => ({ fields: { data: { item: settings.get("item", "book") } } }),
  }),
});
