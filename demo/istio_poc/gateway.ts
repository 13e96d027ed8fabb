// The gateway, the first service behind the mesh's ingress: it answers nothing itself.
//
//   GET /service   poc-service's answer, which holds poc-data's
//   GET /captcha   poc-captcha's answer

import { passOn, runService } from "./server.ts";

await runService({
  name: "poc-gateway",
  port: 8070,
  addresses: { service: "http://127.0.0.1:8071", captcha: "http://127.0.0.1:8073" },
  paths: (context) => ({
    "/service": (request, query) => passOn(context, "service", "/service", request, query),
    "/captcha": (request, query) => passOn(context, "captcha", "/captcha", request, query),
  }),
});
