// Builds what `npm run test:registry` needs besides npm's packages: rnacos_build.ts.

import { buildRnacos } from "./rnacos_build.ts";

try {
  await buildRnacos();
} catch (error) {
  console.error(`test:registry: ${(error as Error).message}`);
  process.exit(1);
}
