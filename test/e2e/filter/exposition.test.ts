// The helpers of these tests: the reader of Prometheus' text format refuses what a scraper could not
// use, and sums and differences are what they say.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ExpositionError, parseExposition, seriesKey } from "../envoy_exposition.ts";
import { difference, Expected, sumOf } from "../envoy_series.ts";

const COUNTER = "# TYPE a_total counter\n";
const HISTOGRAM = "# TYPE d histogram\n";
const GOOD = `${HISTOGRAM}d_bucket{x="1",le="1"} 1
d_bucket{x="1",le="2.5"} 1
d_bucket{x="1",le="+Inf"} 2
d_sum{x="1"} 3.25
d_count{x="1"} 2
`;

describe("the exposition format", () => {
  test("series are read with their labels in any order", () => {
    const text = `${COUNTER}a_total{b="x",a="y"} 3\na_total{} 0\n\n# TYPE g gauge\ng -1\n${GOOD}`;
    const { values, histograms } = parseExposition(text);
    assert.deepEqual(
      [...values],
      [
        ['a_total{a="y",b="x"}', 3],
        ["a_total", 0],
        ["g", -1],
        ['d{x="1"}', 2],
      ],
    );
    assert.deepEqual([...histograms], [['d{x="1"}', { count: 2, sum: 3.25 }]]);
  });

  test("escapes in a label's value are undone, and kept apart in its key", () => {
    const { values } = parseExposition(`${COUNTER}a_total{l="q\\"b\\\\n\\n,}"} 1\n`);
    assert.deepEqual([...values], [[seriesKey("a_total", { l: 'q"b\\n\n,}' }), 1]]);
  });

  const refused: [why: string, text: string][] = [
    ["no type", "a_total 1\n"],
    ["no line's end", `${COUNTER}a_total 1`],
    ["no value", `${COUNTER}a_total\n`],
    ["two values", `${COUNTER}a_total 1 2 3\n`],
    ["a value that is no number", `${COUNTER}a_total x\n`],
    ["not a number", `${COUNTER}a_total NaN\n`],
    ["a counter below zero", `${COUNTER}a_total -1\n`],
    ["a series that comes twice", `${COUNTER}a_total{l="1"} 1\na_total{l="1"} 1\n`],
    ["the same in another order", `${COUNTER}a_total{l="1",m="2"} 1\na_total{m="2",l="1"} 1\n`],
    ["a family that comes twice", `${COUNTER}a_total 1\n${COUNTER}a_total{l="1"} 1\n`],
    ["a sample of another family", `${COUNTER}b_total 1\n`],
    ["a label that comes twice", `${COUNTER}a_total{l="1",l="2"} 1\n`],
    ["a label without quotes", `${COUNTER}a_total{l=1} 1\n`],
    ["a quote that is not escaped", `${COUNTER}a_total{l="a"b"} 1\n`],
    ["an unknown escape", `${COUNTER}a_total{l="\\t"} 1\n`],
    ["a comma too many", `${COUNTER}a_total{l="1",} 1\n`],
    ["a name that is none", "# TYPE a.b counter\na.b 1\n"],
    ["a line break in a label", `${COUNTER}a_total{l="a\nb"} 1\n`],
    ["a control character", `${COUNTER}a_total{l="a\u0001"} 1\n`],
    ["a histogram without its sum", GOOD.replace(/d_sum.*\n/, "")],
    ["a histogram without its count", GOOD.replace(/d_count.*\n/, "")],
    ["a histogram without +Inf", GOOD.replace(/.*Inf.*\n/, "")],
    ["a count that is not its last bucket's", GOOD.replace(/(d_count.*) 2/, "$1 3")],
    ["buckets that shrink", GOOD.replace('le="1"} 1', 'le="1"} 2')],
    ["bounds that do not grow", GOOD.replace('le="2.5"', 'le="0.5"')],
    ["a bucket without a bound", GOOD.replace(',le="1"', "")],
    ["a histogram with two sums", GOOD.replace(/(d_sum.*\n)/, "$1$1")],
  ];
  for (const [why, text] of refused) {
    test(`refused: ${why}`, () => assert.throws(() => parseExposition(text), ExpositionError));
  }
});

describe("expected series", () => {
  const names = { interface: "a.B", method: "m" };
  const calls = { twoway: 2, requestBytes: 9, responses: { "OK success": 2 }, responseBytes: 5 };

  test("calls become all of their series", () => {
    const labels = 'dubbo_interface="a.B",dubbo_method="m",';
    const side = 'dubbo_protocol="dubbo",dubbo_side="provider"';
    assert.deepEqual(Object.fromEntries(new Expected("provider").calls(names, calls).values), {
      [`dubbo_requests_total{dubbo_call="twoway",${labels}dubbo_protocol="dubbo",` +
      `dubbo_serialization="hessian2",dubbo_side="provider"}`]: 2,
      [`dubbo_request_bytes_total{${labels}${side}}`]: 9,
      [`dubbo_requests_active{${labels}${side}}`]: 0,
      [`dubbo_responses_total{${labels}dubbo_outcome="success",${side},dubbo_status="OK"}`]: 2,
      [`dubbo_request_duration_milliseconds{${labels}${side}}`]: 2,
      [`dubbo_response_bytes_total{${labels}${side}}`]: 5,
    });
  });

  test("missing, unexpected and other values are differences, absent is not zero", () => {
    const expected = new Map([
      ["a", 1],
      ["b", 0],
      ["c", 2],
    ]);
    const actual = new Map([
      ["a", 1],
      ["c", 3],
      ["d", 0],
    ]);
    assert.deepEqual(difference(actual, expected), ["b: 0, absent", "c: 2, 3", "d: absent, 0"]);
  });

  test("sums are of the series with all the labels, and of no other metric", () => {
    const { values } = new Expected()
      .calls(names, calls)
      .calls({ ...names, method: "n" }, { ...calls, twoway: 5 })
      .calls(names, { oneway: 7, requestBytes: 1 });
    assert.equal(sumOf(values, "requests_total"), 14);
    assert.equal(sumOf(values, "requests_total", { method: "m" }), 9);
    assert.equal(sumOf(values, "requests_total", { method: "m", call: "oneway" }), 7);
    assert.equal(sumOf(values, "requests_total", { interface: "a" }), 0);
    assert.equal(sumOf(values, "requests"), 0);
  });
});
