// The service that runs in versions v1, v2 and v3: a greeting, and what the data service says.
//
//   GET /service   settings: greeting

import { passOn, runService } from "./server.ts";

await runService({
  name: "poc-service",
  port: 8071,
  addresses: { data: "http://127.0.0.1:8072" },
  paths: (context) => ({
    "/service": async (request, query) => {
      const answer = await passOn(context, "data", "/data", request, query);
      const greeting = context.settings.get("greeting", "hello");
      return { ...answer, fields: { greeting, ...answer.fields } };
    },
  }),
});
