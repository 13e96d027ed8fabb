// Builds all that `npm run test:telemetry` needs: Jaeger and a Collector, and the peers, which its tests otherwise
// build as they come to them.

import { buildCollectors } from "../../harness/collectors.ts";
import { tracedGo } from "./go_build.ts";
import { tracedJava } from "./java_build.ts";

await buildCollectors();
await tracedGo();
await tracedJava();
