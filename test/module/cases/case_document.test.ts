// Tests of the case documents' format and of the replays, with small modules in place of the filter.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Case, parseDocument } from "./case_document.ts";
import { compareMetrics } from "./case_metrics.ts";
import { parseBytes } from "./case_stream.ts";
import { replay, ways } from "./cases.ts";
import { fixture, hex, request, response } from "../../frames/frames.ts";
import { type GuestBodies, guest } from "../../emulator/guest.ts";
import { propertyPath } from "../../emulator/properties.ts";

interface Blocks {
  stream?: string;
  metrics?: string;
  rest?: string;
}

function markdown({ stream = "downstream: 00", metrics = "x_total 1", rest = "" }: Blocks): string {
  return `# title\n\n## one\n\n\`\`\`stream\n${stream}\n\`\`\`\n\n\`\`\`metrics\n${metrics}\n\`\`\`\n${rest}\n`;
}

function caseOf(blocks: Blocks): Case {
  return parseDocument("doc.md", markdown(blocks)).cases[0]!;
}

async function compiled(bodies: GuestBodies): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(new Uint8Array(await guest(bodies)));
}

test("bytes as digits, fixtures and forms", () => {
  const name = "java-3.3.6/hessian2-user_get_string-request-1.bin";
  assert.deepEqual(parseBytes("da bb C2 # comment"), hex("dabbc2"));
  assert.deepEqual(parseBytes(`fixture ${name}`), fixture(name));
  assert.deepEqual(parseBytes(`fixture ${name} skip=2 first=3`), fixture(name).subarray(2, 5));
  assert.deepEqual(parseBytes("request"), request());
  assert.deepEqual(
    parseBytes(
      'request id=-1 oneway method="a # \\u00e9" version=null desc="" attachment.group="g"',
    ),
    request({
      id: -1,
      twoway: false,
      method: "a # é",
      version: null,
      desc: "",
      extraAttachments: { group: "g" },
    }),
  );
  assert.deepEqual(
    parseBytes('response id=2 kind=4 value="x"*40 attachment.dubbo="2" trailing=0x4e'),
    response({
      id: 2,
      kind: 4,
      value: "x".repeat(40),
      attachments: { dubbo: "2" },
      trailing: hex("4e"),
    }),
  );
  assert.deepEqual(parseBytes('request arg="a" arg=0x90'), request({ args: ["a", 0] }));
  assert.deepEqual(
    parseBytes("frame flag=0xe2 id=1 length=0xffffffff body=0x4e"),
    hex("dabbe200 0000000000000001 ffffffff 4e"),
  );
  assert.deepEqual(parseBytes('text "GET\\r"'), hex("4745540d"));
  assert.deepEqual(parseBytes("fill 3 0x20"), hex("202020"));
});

test("a case with everything", () => {
  const read = caseOf({
    stream:
      "downstream: 01\n# a comment\n\nwait: 5ms # so long\nfin: upstream\nclose: local\nconnection:",
    metrics: [
      'defaults: dubbo_side="consumer"',
      'set get: dubbo_method="Get: {it}" dubbo_kind="k"',
      'a_total{get dubbo_status="OK"} 1 + 20',
      'b_total{dubbo_side="provider"} 3',
      "c count=2 sum=4",
      "d count=1",
    ].join("\n"),
    rest: [
      "```yaml config\nside: consumer\nlist: [1]\n```",
      "```yaml properties\nxds.node.id: me\n```",
      "```out\nto upstream: 02 03\nto upstream: 04\nto downstream: nothing\n```",
      "```text\nprose\n```",
    ].join("\n"),
  });
  assert.equal(read.config, '{"side":"consumer","list":[1]}');
  assert.equal(read.properties[propertyPath("xds", "node", "id")], "me");
  assert.equal(read.properties[propertyPath("xds", "listener_direction")], 2);
  assert.deepEqual(read.steps, [
    { kind: "bytes", side: "downstream", bytes: hex("01") },
    { kind: "wait", nanoseconds: 5_000_000n },
    { kind: "fin", side: "upstream" },
    { kind: "close", by: "local" },
    { kind: "connection" },
  ]);
  assert.deepEqual(Object.fromEntries(read.metrics), {
    'a_total{dubbo_kind="k",dubbo_method="Get: {it}",dubbo_side="consumer",dubbo_status="OK"}': 21,
    'b_total{dubbo_side="provider"}': 3,
    'c{dubbo_side="consumer"}': { count: 2, sum: 4 },
    'd{dubbo_side="consumer"}': { count: 1 },
  });
  assert.deepEqual(read.out, { upstream: hex("020304"), downstream: hex("") });
});

test("shared labels hold for every case of a document", () => {
  const shared = '# title\n\n```metrics shared\nset get: dubbo_kind="k"\n```\n';
  const { cases } = parseDocument(
    "doc.md",
    markdown({ metrics: "a{get} 1" }).replace("# title\n", shared),
  );
  assert.deepEqual([...cases[0]!.metrics.keys()], ['a{dubbo_kind="k"}']);
});

test("errors tell file and line", () => {
  for (const [blocks, expected] of [
    [
      { stream: "downstream: 00\ndownstream: 0" },
      /^CaseError: doc\.md:7: neither bytes nor a form: 0$/,
    ],
    [{ stream: "sideways: 00" }, /doc\.md:6: unknown step: sideways/],
    [{ stream: "00 01" }, /doc\.md:6: no step/],
    [{ stream: "downstream: request idd=1" }, /doc\.md:6: not understood: idd=/],
    [{ stream: "downstream: request method=x" }, /doc\.md:6: not a text in quotes: x/],
    [{ stream: 'downstream: request method="x' }, /doc\.md:6: a quote that does not end/],
    [{ stream: "downstream: fixture none.bin" }, /doc\.md:6: .*none\.bin/],
    [{ stream: "downstream: request first=9999" }, /doc\.md:6: only 180 bytes/],
    [{ stream: "close: both" }, /doc\.md:6: both: one of local, remote/],
    [{ stream: "wait: 5" }, /doc\.md:6: not a time/],
    [{ metrics: "x 1\nx 2" }, /doc\.md:11: stated twice: x/],
    [{ metrics: "x" }, /doc\.md:10: neither a series/],
    [{ metrics: "x 1 2" }, /doc\.md:10: not a sum/],
    [{ metrics: "x{get} 1" }, /doc\.md:10: neither a label="value" nor a set: get/],
    [{ metrics: "x count=1 max=2" }, /doc\.md:10: not understood: max=/],
    [{ rest: "## two\n\n```stream\ntick:\n```" }, /doc\.md:12: "two" needs a stream and a metrics/],
    [{ rest: "```stream\ntick:\n```" }, /doc\.md:12: a second stream block/],
    [{ rest: "```yaml config\na: [\n```" }, /doc\.md:13: /],
    [{ rest: "```out\nupstream: 00\n```" }, /doc\.md:13: neither "to upstream:"/],
    [{ rest: "```out" }, /a block that does not end/],
  ] as [Blocks, RegExp][]) {
    assert.throws(
      () => parseDocument("doc.md", markdown(blocks)),
      expected,
      JSON.stringify(blocks),
    );
  }
  assert.throws(() => parseDocument("doc.md", "# title\n"), /no case/);
});

test("metrics are compared in both directions", () => {
  const actual = new Map<string, number | { count: number; sum: number; values: number[] }>([
    ["a", 1],
    ["b", 2],
    ["h", { count: 1, sum: 5, values: [5] }],
  ]);
  const compare = (metrics: string): string[] =>
    compareMetrics(caseOf({ metrics }).metrics, actual);
  assert.deepEqual(compare("a 1\nb 2\nh count=1 sum=5"), []);
  assert.deepEqual(compare("a 1\nb 2\nh count=1"), []);
  assert.deepEqual(compare("a 3\nc 1\nh count=1 sum=4"), [
    ...["- a 3", "+ a 1", "+ b 2", "- c 1", "- h count=1 sum=4", "+ h count=1 sum=5"],
  ]);
  assert.deepEqual(compare("a 1\nb 2\nh 1"), ["- h 1", "+ h count=1 sum=5"]);
});

test("the ways cover every byte boundary of each run", () => {
  const steps = caseOf({
    stream: "downstream: 01 02\ndownstream: 03\nupstream: 04 05\ntick:",
  }).steps;
  const reads = [...ways(steps)].map(({ name, steps: cut }) => [
    name,
    cut
      .map((step) => (step.kind === "bytes" ? Buffer.from(step.bytes).toString("hex") : "-"))
      .join(" "),
  ]);
  assert.deepEqual(reads, [
    ["as written", "0102 03 0405 -"],
    ["coalesced", "010203 0405 -"],
    ["byte by byte", "01 02 03 04 05 -"],
    ["downstream bytes of step 1 split after 1", "01 0203 0405 -"],
    ["downstream bytes of step 1 split after 2", "0102 03 0405 -"],
    ["upstream bytes of step 2 split after 1", "010203 04 05 -"],
  ]);
  const long = [...ways(caseOf({ stream: "downstream: fill 100000 0" }).steps)];
  assert.ok(long.length > 4000 && long.length < 6000, String(long.length));
});

test("a module that depends on how bytes are cut is found out", async () => {
  const top = "let id: u32;";
  const configure = 'id = define(0, "x_total")';
  const stream = "downstream: 01 02\nupstream: 03";
  const bytes = { top, configure, downstream: "proxy_increment_metric(id, size)" };
  const calls = { top, configure, downstream: "proxy_increment_metric(id, 1)" };
  replay(await compiled(bytes), caseOf({ stream, metrics: "x_total 2" }));
  const wrong = caseOf({ stream, metrics: "x_total 1" });
  const module = await compiled(bytes);
  assert.throws(
    () => replay(module, wrong),
    /doc\.md:3: "one", as written: metrics differ:\n- x_total 1\n\+ x_total 2\nas the module has them:\nx_total 2/,
  );
  const counting = await compiled(calls);
  assert.throws(() => replay(counting, wrong), /"one", byte by byte: metrics differ/);
});

test("changed bytes, logs, traps and refusals are found out", async () => {
  const metrics = "x_total 0";
  const configure = 'define(0, "x_total")';
  const plain = caseOf({ stream: "downstream: 01 02", metrics });
  for (const [bodies, expected] of [
    [
      { configure, downstream: 'set(2, 0, size, "y")' },
      /bytes to upstream differ:\n- 01 02\n\+ 79/,
    ],
    [
      { configure, downstream: 'log(1, "hello")' },
      /data callbacks logged:\nproxy_on_downstream_data: hello/,
    ],
    [
      { configure, downstream: "unreachable()" },
      /as written: proxy_on_downstream_data.*unreachable/,
    ],
    [{ configure: 'log(4, "no"); return 0' }, /refused: no/],
    [{ configure, downstream: "return 1" }, /bytes to upstream differ/],
  ] as [GuestBodies, RegExp][]) {
    const module = await compiled(bodies);
    assert.throws(() => replay(module, plain), expected);
  }
  const out = caseOf({
    stream: "downstream: 01 02",
    metrics,
    rest: "```out\nto upstream: nothing\n```",
  });
  replay(await compiled({ configure, downstream: "return 1" }), out);
});
