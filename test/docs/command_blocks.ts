// The command blocks of all pages, and how each of them is tried: test/docs/run runs those of SESSIONS in their order.

import { readdirSync, readFileSync } from "node:fs";
import { fromRoot, ROOT } from "../../harness/repository.ts";

/** A block of commands in a page. */
export interface Block {
  page: string;
  text: string;
}

/** A block that is run. */
export interface Step {
  page: string;
  /** What the block begins with. */
  begins: string;
  /** It does not end by itself: the next step comes when its output has all of this. */
  until?: RegExp[];
  /** It does not end by itself, and is ended after so many seconds. */
  seconds?: number;
  /** What its output must have. */
  shows?: RegExp[];
}

const DEMO = "demo/README.md";
const OWN = "docs/getting-started.md";
const GUARD = "docs/guard.md";
const FRONT = "demo/front_proxy/README.md";
const GRPC_MESH = "demo/grpc_mesh/README.md";
const ISTIO_POC = "demo/istio_poc/README.md";
const PROXY_MESH = "demo/proxy_mesh/README.md";

const frontProxy = (start: string): Step[] => [
  { page: FRONT, begins: start, until: [/localhost:9000/] },
  { page: FRONT, begins: "for i in 1 2", shows: [/echo-1/, /echo-2/, /"a":1/, /^hi$/m] },
];

/** What is run, each session in a network of its own, so that ports are free. */
export const SESSIONS: Record<string, Step[]> = {
  demo: [
    { page: "README.md", begins: "npm start", until: [/All parts run\./] },
    {
      page: "README.md",
      begins: "curl",
      shows: [/"podName":"dubbo-local-user-v2"/, /^dubbo_requests_total\{.*GetUser/m],
    },
    {
      page: DEMO,
      begins: "curl",
      shows: [/-user-v2"/, /"name":"book"/, /^dubbo_request_duration_milliseconds_count/m],
    },
    {
      page: DEMO,
      begins: "for i",
      shows: [/ user-v1/, /100 user-v2/, /^dubbo_routed_requests_total\{.*jason/m],
    },
    { page: DEMO, begins: "node harness/run.mjs demo/grpc_server.ts", until: [/:50001/] },
    { page: DEMO, begins: "curl -X POST", shows: [/NOT_SERVING/] },
  ],
  "an Envoy of one's own": [
    { page: OWN, begins: "npm run build", until: [/:20000/, /:8090/] },
    { page: OWN, begins: "export PATH", until: [/starting main dispatch loop/] },
    { page: OWN, begins: "curl", shows: [/"success":true/, /^dubbo_requests_total\{.*\} 1$/m] },
  ],
  "the guard": [
    { page: GUARD, begins: "npm run build", until: [/:20000/, /:8090/, /main dispatch loop/] },
    { page: GUARD, begins: "curl", shows: [/"success":true/] },
  ],
  "front proxy": frontProxy("npm run demo:front-proxy\n"),
  "front proxy with sidecars": frontProxy("npm run demo:front-proxy -- --sidecars"),
  "proxy mesh": [
    { page: PROXY_MESH, begins: "npm run demo:proxy-mesh", until: [/7171/] },
    { page: PROXY_MESH, begins: "while", seconds: 5, shows: [/provider-1/, /provider-2/] },
    { page: PROXY_MESH, begins: "watch", seconds: 3, shows: [/health_flags/] },
  ],
  "gRPC mesh": [
    { page: GRPC_MESH, begins: "node", until: [/:50000/, /:7171/] },
    { page: GRPC_MESH, begins: "curl", shows: [/you/] },
  ],
  "istio-poc": [
    { page: ISTIO_POC, begins: "node", until: [/:8070/, /:8071/, /:8072/, /:8073/] },
    { page: ISTIO_POC, begins: "curl", shows: [/jason/, /503/] },
  ],
};

/** Pages whose blocks are not run here, and why. */
export const ELSEWHERE: Record<string, string> = {
  "README.md":
    "docs/getting-started.md has the own Envoy; the block of `npm start` is that of the demo",
  "demo/README.md": "`npm start` is the README's; `npm run test:telemetry` runs Jaeger",
  "docs/discovery.md": "`npm run test:registry` runs the program, discovery.yaml and registries",
  "docs/policies.md": "test/e2e/policy/try.test.ts runs them",
  "demo/front_proxy/README.md": "test/e2e/front_proxy sends as many requests",
  "docs/telemetry.md": "`npm run test:telemetry` runs Jaeger",
  "docs/upgrading.md": "the tests of arm64 need an emulator; `npm run test:e2e` runs the same here",
  "docs/guard.md": "the end-to-end tests give Envoy 1.40 the same key",
  "bench/README.md": "measures for minutes",
  "test/fuzz/README.md": "`npm run test:fuzz` runs the fuzzer",
  "test/istio/README.md": "`npm run test:istio` runs them",
  "test/peers/README.md": "`npm run test:interop` builds and runs the peers",
};

/** A block that asks for this cannot be run here. */
export const NEEDS_A_CLUSTER = /\b(kubectl|istioctl|docker)\b/;

const LEFT_OUT = /(^|\/)(node_modules|build|\.git|\.envoy)(\/|$)/;
const ANY_FENCE = /^ *```[\s\S]*?^ *```/gm;
const INDENTED = /^ {4,}(?:curl|npm|node|kubectl|istioctl|docker|envoy|sed|for|while|sleep) .*$/gm;
const FENCE = /^ *```sh\n([\s\S]*?)^ *```/gm;

/** All pages of the repository, by their path from its root. */
export const PAGES: readonly string[] = readdirSync(ROOT, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md") && !LEFT_OUT.test(file))
  .sort();

/** Lines of a page that look like commands and stand in no block. */
export function looseCommands(text: string): string[] {
  const outside = text.replaceAll(ANY_FENCE, "");
  return [...outside.matchAll(INDENTED)].map(([line]) => line.trim());
}

/** The command blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(fromRoot(page), "utf8");
  return [...text.matchAll(FENCE)].map(([, block]) => ({ page, text: block! }));
}

/** The block of a step. Throws where the page does not have it. */
export function blockOf({ page, begins }: Step): Block {
  const block = blocksOf(page).find(({ text }) => text.startsWith(begins));
  if (block === undefined) throw new Error(`${page} has no block that begins with ${begins}`);
  return block;
}
