// What a provider's URL says, what an instance weighs, and what of a change goes to an Envoy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { applicationInstance } from "../../registry/application_instance.ts";
import { DeltaStream, type DeltaRequest, type DeltaResponse } from "../../registry/delta_stream.ts";
import { CLUSTER, ENDPOINTS, envoyResources, ROUTES } from "../../registry/envoy_resources.ts";
import { serviceKey, weightAt, type Instance } from "../../registry/instance.ts";
import { nacosAddress } from "../../registry/nacos_address.ts";
import { instanceOfHost } from "../../registry/nacos_interfaces.ts";
import { instanceOf } from "../../registry/provider_url.ts";

const URL_OF_JAVA =
  "dubbo://192.0.2.7:20880/com.k8s.Order.OrderProvider?application=order&dubbo.tag=gray&group=blue" +
  "&interface=com.k8s.Order.OrderProvider&timestamp=1700000000000&version=1.0.0&warmup=1000&weight=200";

test("a provider's URL, with what it says and what it does not say", () => {
  assert.deepEqual(instanceOf(encodeURIComponent(URL_OF_JAVA)), {
    interface: "com.k8s.Order.OrderProvider",
    group: "blue",
    version: "1.0.0",
    application: "order",
    address: "192.0.2.7",
    port: 20880,
    protocol: "dubbo",
    weight: 200,
    startedAt: 1_700_000_000_000,
    warmUpMs: 1000,
    tag: "gray",
    zone: "",
    disabled: false,
  });
  const short = instanceOf(encodeURIComponent("tri://[2001:db8::1]:50051/a.A?version=0.0.0"))!;
  assert.deepEqual(
    [short.protocol, short.address, short.weight, short.warmUpMs, serviceKey(short)],
    ["tri", "2001:db8::1", 100, 600_000, "a.A"],
  );
  assert.equal(instanceOf(encodeURIComponent("dubbo://192.0.2.7:1/a.A?enabled=false")), undefined);
});

test("dubbo-go writes empty parameters, and a weight of 0 where it has none", () => {
  const url = "dubbo://192.0.2.7:20880//a.A?interface=a.A&release=dubbo-golang-3.3.2&warmup=";
  for (const weight of ["", "&weight=", "&weight=0"]) {
    const one = instanceOf(encodeURIComponent(url + weight))!;
    assert.deepEqual([one.interface, one.weight, one.warmUpMs], ["a.A", 100, 600_000]);
  }
  assert.equal(instanceOf(encodeURIComponent(`${url}&weight=7`))!.weight, 7);
  assert.equal(instanceOf(encodeURIComponent("dubbo://192.0.2.7:1/a.A?weight=0"))!.weight, 0);
});

test("a revision of dubbo-go is as long as SHA-512 makes it", () => {
  const metadata = { "dubbo.metadata.revision": "0123456789abcdef".repeat(8) };
  const text = JSON.stringify({ address: "192.0.2.7", port: 1, payload: { metadata } });
  assert.equal(applicationInstance("order", text)!.revision.length, 128);
});

for (const [what, url, message] of [
  ["no URL", "192.0.2.7", "it is no URL"],
  ["a broken escape", "%", "it is not percent-encoded"],
  ["a host's name", "dubbo://order:20880/a.A", 'host "order" is no IP address'],
  ["no port", "dubbo://192.0.2.7/a.A", 'port "" is no whole number up to 65535'],
  ["no interface", "dubbo://192.0.2.7:1/", "it has no interface"],
  ["labels forged", "dubbo://192.0.2.7:1/a.A?group=x;.;y", 'group "x;.;y" is no name'],
  ["a weight below 0", "dubbo://192.0.2.7:1/a.A?weight=-1", 'weight "-1" is no whole number'],
] as const) {
  test(`refused: ${what}`, () => {
    const node = what === "a broken escape" ? url : encodeURIComponent(url);
    assert.throws(
      () => instanceOf(node),
      (error: Error) => error.message.startsWith(message),
    );
  });
}

test("the weight grows with the age as Dubbo computes it", () => {
  const one = instanceOf(encodeURIComponent(URL_OF_JAVA))!;
  const ages = [-5000, 0, 1, 250, 500, 999, 1000, 60_000];
  const weights = ages.map((age) => weightAt(one, one.startedAt + age));
  assert.deepEqual(weights, [1, 1, 1, 50, 100, 199, 200, 200]);
  assert.equal(weightAt({ ...one, weight: 0 }, one.startedAt), 0);
});

test("Nacos: what an instance says, and the weight that Nacos has beside Dubbo's", () => {
  const service = "providers:com.k8s.Order.OrderProvider:1.0.0:blue";
  const metadata = Object.fromEntries(new URL(URL_OF_JAVA).searchParams);
  const host = { ip: "192.0.2.7", port: 20880, weight: 1, metadata };
  const all = { ...metadata, protocol: "dubbo", path: "com.k8s.Order.OrderProvider" };
  const wanted = instanceOf(encodeURIComponent(URL_OF_JAVA))!;
  assert.deepEqual(instanceOfHost(service, { ...host, metadata: all }), wanted);
  // What stands in the service's name need not stand in the metadata.
  const short = instanceOfHost("providers:a.A::", { ...host, metadata: {} })!;
  assert.deepEqual([serviceKey(short), short.protocol, short.weight], ["a.A", "dubbo", 100]);
  const weights = (its: Record<string, string>) =>
    [1, 0, 0.001, 2, 50, 1e9].map(
      (weight) => instanceOfHost("providers:a.A::", { ...host, weight, metadata: its })!.weight,
    );
  assert.deepEqual(weights({ weight: "50" }), [50, 0, 1, 100, 2500, 400_000]);
  assert.deepEqual(
    weights({ weight: "50", release: "dubbo-golang-3.3.2" }),
    [50, 0, 1, 2, 50, 400_000],
  );
  assert.equal(instanceOfHost(service, { ...host, metadata: { enabled: "false" } }), undefined);
  assert.throws(() => instanceOfHost(service, { ...host, ip: "order" }), /is no IP address/);
});

for (const [text, wanted] of [
  ["a:8848", { servers: ["a:8848"], namespace: "", group: "DEFAULT_GROUP", configGroup: "dubbo" }],
  [
    "nacos://a:8848,b:1?namespace=public&group=x&config-group=y",
    { servers: ["a:8848", "b:1"], namespace: "", group: "x", configGroup: "y" },
  ],
  [
    "a:8848?namespace=dev",
    { servers: ["a:8848"], namespace: "dev", group: "DEFAULT_GROUP", configGroup: "dubbo" },
  ],
] as const) {
  test(`Nacos' address: ${text}`, () => assert.deepEqual(nacosAddress(text), wanted));
}

test("of 2,000 services with 10 instances one change sends that one", () => {
  const sent: DeltaResponse[] = [];
  const services = new Map<string, Instance[]>();
  for (let i = 0; i < 2000; i++) services.set(`a.S${i}`, instances(`a.S${i}`));
  const stream = new DeltaStream(snapshot(services), (response) => sent.push(response));
  const names = [...services.keys()];
  stream.take(request(CLUSTER));
  assert.equal(sent.at(-1)!.resources.length, 2000);
  stream.take(request(ROUTES, { resource_names_subscribe: ["dubbo"] }));
  assert.equal(sent.length, 1, "routes wait for clusters and endpoints");
  stream.take(request(CLUSTER, { response_nonce: "1" }));
  stream.take(request(ENDPOINTS, { resource_names_subscribe: names }));
  assert.equal(sent.length, 2);
  stream.take(request(ENDPOINTS, { response_nonce: "2" }));
  assert.deepEqual([sent[2]!.type_url, sent[2]!.resources.length], [ROUTES, 1]);
  stream.take(request(ROUTES, { response_nonce: "3" }));

  services.set("a.S7", instances("a.S7").slice(1));
  stream.update(snapshot(services));
  assert.equal(sent.length, 4);
  assert.deepEqual(
    sent[3]!.resources.map(({ name }) => name),
    ["a.S7"],
  );
  assert.equal(sent[3]!.type_url, ENDPOINTS);
});

test("an Envoy that comes back and has it all is sent nothing but what it lacks", () => {
  const sent: DeltaResponse[] = [];
  const all = snapshot(new Map([["a.A", instances("a.A")]]));
  const stream = new DeltaStream(all, (response) => sent.push(response));
  const version = all.get(CLUSTER)!.get("a.A")!.version;
  stream.take(request(CLUSTER, { initial_resource_versions: { "a.A": version, "a.Gone": "1" } }));
  assert.deepEqual([sent[0]!.resources, sent[0]!.removed_resources], [[], ["a.Gone"]]);
});

test("an Envoy that refuses is told no second time, and its routes do not wait", () => {
  const sent: DeltaResponse[] = [];
  const all = snapshot(new Map([["a.A", instances("a.A")]]));
  const stream = new DeltaStream(all, (response) => sent.push(response));
  stream.take(request(CLUSTER));
  stream.take(request(ROUTES, { resource_names_subscribe: ["dubbo"] }));
  const error_detail = { message: "no" };
  assert.equal(stream.take(request(CLUSTER, { response_nonce: "1", error_detail })), "no");
  assert.deepEqual(
    sent.map(({ type_url }) => type_url),
    [CLUSTER, ROUTES],
  );
});

function instances(service: string): Instance[] {
  return Array.from({ length: 10 }, (_, i) =>
    instanceOf(encodeURIComponent(`dubbo://192.0.2.${i + 1}:20880/${service}`)),
  ) as Instance[];
}

function snapshot(services: Map<string, Instance[]>) {
  return new Map(
    [...envoyResources(services, { routeConfig: "dubbo", guard: "" }, 0)].map(
      ([type, resources]) => [
        type,
        new Map(
          [...resources].map(([name, resource]) => {
            return [name, { version: JSON.stringify(resource), resource }];
          }),
        ),
      ],
    ),
  );
}

function request(type_url: string, rest: Partial<DeltaRequest> = {}): DeltaRequest {
  return {
    type_url,
    resource_names_subscribe: [],
    resource_names_unsubscribe: [],
    initial_resource_versions: {},
    response_nonce: "",
    error_detail: null,
    ...rest,
  };
}
