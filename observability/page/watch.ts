// `npm run watch -- http://127.0.0.1:15000`: the live page of any Envoy whose admin interface is reached
// from here, such as an istio-proxy's by `kubectl port-forward`. Until Ctrl-C.
//
// Options: --port (any that is free unless given).

import { parseArgs } from "node:util";
import { servePage } from "./server.ts";

const { values, positionals } = parseArgs({
  options: { port: { type: "string", default: "0" } },
  allowPositionals: true,
});
const [envoy] = positionals;
if (positionals.length !== 1 || !URL.canParse(envoy!) || !/^https?:/.test(envoy!)) {
  console.error(
    "say whose: npm run watch -- http://127.0.0.1:15000 (the address of Envoy's admin interface)",
  );
  process.exit(1);
}
try {
  const { url } = await servePage({ envoy: envoy!, port: Number(values.port) });
  console.log(`${url} shows ${envoy}; Ctrl-C ends it.`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
