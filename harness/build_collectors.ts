// `npm run build:collectors`: Jaeger and an OpenTelemetry Collector into build/collectors. The first build
// fetches Go modules and takes minutes; Go's cache keeps what later ones need.

import { buildCollectors, JAEGER_BINARY } from "./collectors.ts";

const began = Date.now();
await buildCollectors();
console.log(`${JAEGER_BINARY} is up to date (${Math.round((Date.now() - began) / 1000)} s)`);
