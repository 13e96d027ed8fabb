// The page's reader of Prometheus' text format.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readExposition } from "../../observability/page/exposition.ts";

const read = (text: string) =>
  readExposition(text).map(({ name, labels, value }) => [name, { ...labels }, value]);

test("names, labels and numbers are read, and escapes undone", () => {
  assert.deepEqual(
    read(
      [
        "# TYPE a counter",
        "a 1",
        "b_total{} 2.5 1395066363000",
        'c{le="+Inf",x="a\\"b\\\\n\\n}"} 1e3',
        'd{ x = "1" , } +Inf',
        "  e -0.5  ",
      ].join("\n"),
    ),
    [
      ["a", {}, 1],
      ["b_total", {}, 2.5],
      ["c", { le: "+Inf", x: 'a"b\\n\n}' }, 1000],
      ["d", { x: "1" }, Infinity],
      ["e", {}, -0.5],
    ],
  );
});

test("what is no sample is passed over", () => {
  const lines = ["", "#", "a", "a{", 'a{x="1"', 'a{x="1} 2', "a{x=1} 2", 'a{x="1"}', "a b", "1a 2"];
  assert.deepEqual(read([...lines, "good 1"].join("\r\n")), [["good", {}, 1]]);
});

test("a label may have any name", () => {
  const [sample] = readExposition('a{__proto__="x",constructor="y"} 1');
  assert.deepEqual(Object.entries(sample!.labels), [
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
});
