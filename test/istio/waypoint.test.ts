// What manifests/README.md says of ambient: where istiod puts the filter in a waypoint. No Envoy is asked, and
// no call is made: upstream's does not know filters that a waypoint has.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { openIstio, type Istio } from "./istioctl.ts";
import { listenersWith } from "./lab/listeners.ts";
import { serviceWithAddress } from "./lab/service_address.ts";
import { manifest } from "./lab/manifests.ts";

const LIMIT = { timeout: 120_000 };
const WAYPOINT = fromRoot("test", "istio", "lab", "waypoint.yaml");
const README = fromRoot("manifests", "README.md");
const FILTER = "extensions.istio.io/trafficextension/mesh-demo.dubbo-waypoint";
/** The one behind which a waypoint finds what it serves. */
const LISTENER = "main_internal";
const TCP_PROXY = "envoy.filters.network.tcp_proxy";

describe("a waypoint", LIMIT, () => {
  let istio: Istio;
  const services = ["user-provider", "order-provider"].flatMap((name, number) =>
    manifest(`manifests/mesh-demo/${name}-service.yaml`).map((object) => {
      const service: Json = serviceWithAddress(object, number);
      const labels = { ...service.metadata.labels, "istio.io/use-waypoint": "waypoint" };
      return { ...service, metadata: { ...service.metadata, labels } };
    }),
  );

  before(async () => {
    istio = await openIstio();
  });
  after(() => istio?.close());

  test("has the filter in front of the tcp_proxy of the Service that is named", async () => {
    const chains = await chainsWith(extension());
    const filters = chains[chainOf("user-provider")]!;
    assert.deepEqual(filters.slice(-2), [FILTER, TCP_PROXY]);
    assert.ok(chains[chainOf("order-provider")]);
    delete chains[chainOf("user-provider")];
    assert.ok(!Object.values(chains).flat().includes(FILTER));
  });

  test("has it nowhere where no Service is named", async () => {
    const { targetRefs, ...spec } = extension().spec;
    assert.ok(targetRefs);
    const chains = await chainsWith({ ...extension(), spec });
    assert.ok(chains[chainOf("user-provider")]);
    assert.ok(!Object.values(chains).flat().includes(FILTER));
  });

  /** By filter chain the names of its filters. */
  async function chainsWith(extension: Json): Promise<Record<string, string[]>> {
    const file = await istio.write("ambient.yaml", [...services, extension]);
    const listeners = await listenersWith([WAYPOINT, file], { isWaypoint: true });
    const chains: Json[] = listeners.find(({ name }) => name === LISTENER)!.filterChains;
    return Object.fromEntries(
      chains.map(({ name, filters }) => [name, filters.map((filter: Json) => filter.name)]),
    );
  }
});

/** The TrafficExtension that the page shows. */
function extension(): Json {
  const [, ambient] = readFileSync(README, "utf8").split("### Ambient");
  const [, text] = /```yaml\n([^]*?)```/.exec(ambient!)!;
  return parse(text!) as Json;
}

function chainOf(service: string): string {
  return `inbound-vip|20880|tcp|${service}.mesh-demo.svc.cluster.local`;
}
