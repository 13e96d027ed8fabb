// Builds all peers of `npm run test:interop`, which its tests otherwise build as they come to them.

import { goCommand } from "./go_build.ts";
import { javaArguments, type JavaRelease } from "./java_build.ts";

const RELEASES: JavaRelease[] = ["2.6.12", "2.7.23", "3.3.6"];

await goCommand("consumer");
await goCommand("registered");
for (const release of RELEASES) await javaArguments("Provider", release);
