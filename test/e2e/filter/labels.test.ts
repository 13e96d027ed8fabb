// Names that a peer chooses, and what may become of them: the metrics stay readable, no label can be
// forged, and only so many series are made.

import { after, before, describe, test } from "node:test";
import { freePorts } from "../../../harness/ports.ts";
import { concat, request, response } from "../../frames/frames.ts";
import { Expected } from "../envoy_series.ts";
import { addListener, LIMIT, startLab, struct, type Lab } from "../envoy_setup.ts";
import { pair, Upstream } from "../envoy_sockets.ts";

const USER = "com.k8s.User.UserProvider";
/** What counts calls that are not told apart. */
const OTHER = { interface: "_OTHER", method: "_OTHER" };
const MOST = 50;

/** A name as it is sent, and the label that it becomes. */
const NAMES: [sent: string, shown: string][] = [
  ["a;.;b", "a_._b"],
  ["a=.=b", "a_._b"],
  ["GetUser;.;dubbo_side=.=provider", "GetUser_._dubbo_side_._provider"],
  ["x;.;dubbo_requests_total", "x_._dubbo_requests_total"],
  ["dubbo_method=.=forged;.;", "dubbo_method_._forged_._"],
  ['quo"te', "quo_te"],
  ["back\\slash", "back_slash"],
  ['a",dubbo_side="provider"} 9', "a__dubbo_side__provider___9"],
  ["line\nfeed\r", "line_feed_"],
  ["nul\0tab\t", "nul_tab_"],
  ["中😀é", "_".repeat(3 + 6 + 2)],
  [".lead", ".lead"],
  ["two..dots", "two..dots"],
  [" ", "_"],
  ["$:/-_09azAZ", "$:/-_09azAZ"],
  ["com.k8s.Long" + "g".repeat(5000), "com.k8s.Long" + "g".repeat(188)],
];

// Envoy drops dots at a label's end: "a" and "a." would be two series with the same labels.
const DOTS: [sent: string, shown: string][] = [
  ["trail", "trail"],
  ["trail.", "trail_"],
  ["trail..", "trail__"],
  [".", "_"],
  ["..", "__"],
  // Cut after 200 bytes.
  [`${"c".repeat(199)}.c`, `${"c".repeat(199)}_`],
];

describe("names from the wire", LIMIT, () => {
  let lab: Lab;
  let upstream: Upstream;
  let few: number;
  let listed: number;

  before(async () => {
    [few, listed] = (await freePorts(2)) as [number, number];
    lab = await startLab({
      change: (config) => {
        addListener(config, "few", few, struct({ metrics: { max_series: MOST } }));
        const allowed = { interfaces: [USER, "a;.;b"] };
        addListener(config, "listed", listed, struct({ metrics: allowed }));
      },
    });
    upstream = await Upstream.listen(lab.ports.user);
  });

  after(async () => {
    await lab?.stop();
    await upstream?.close();
  });

  /** Calls each method of its interface once, answers each, and ends the connection. */
  async function callEach(port: number, names: [path: string, method: string][]): Promise<number> {
    const { near, far } = await pair(port, upstream);
    // Only so many calls are followed at once on one connection (`max_in_flight`).
    for (let from = 0; from < names.length; from += 1000) {
      const some = names.slice(from, from + 1000);
      const requests = concat(some.map(([path, method], id) => request({ id, path, method })));
      const responses = concat(some.map((_, id) => response({ id })));
      await near.writeInPieces(requests, requests.length, far);
      await far.writeInPieces(responses, responses.length, near);
    }
    near.socket.end();
    far.socket.end();
    return response().length;
  }

  const once = (path: string, method: string, responseBytes: number) => ({
    twoway: 1,
    requestBytes: request({ path, method }).length,
    responses: { "OK success": 1 },
    responseBytes,
  });

  test("interfaces of every kind are cleaned", async () => {
    const bytes = await callEach(
      lab.ports.tcp,
      NAMES.map(([name]) => [name, "m"]),
    );
    // Two that are cleaned to the same name add up.
    const expected = new Expected().connections(1);
    for (const [name, shown] of NAMES) {
      expected.calls({ interface: shown, method: "m" }, once(name, "m", bytes));
    }
    await lab.grown(expected);
  });

  test("methods of every kind are cleaned", async () => {
    const bytes = await callEach(
      lab.ports.tcp,
      NAMES.map(([name]) => [USER, name]),
    );
    const expected = new Expected().connections(1);
    for (const [name, shown] of NAMES) {
      expected.calls({ interface: USER, method: shown }, once(USER, name, bytes));
    }
    await lab.grown(expected);
  });

  test("without an interface or a method a call is an other", async () => {
    const bytes = await callEach(lab.ports.tcp, [
      ["", "m"],
      [USER, ""],
    ]);
    await lab.grown(
      new Expected()
        .connections(1)
        .calls(OTHER, once("", "m", bytes))
        .calls({ interface: USER, method: "_OTHER" }, once(USER, "", bytes)),
    );
  });

  test("10,000 interfaces make 50 sets of series and one of others", async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `flood.Interface${index}`);
    const bytes = await callEach(
      few,
      names.map((name) => [name, "m"]),
    );
    const expected = new Expected().connections(1);
    names.forEach((name, index) => {
      const shown = index < MOST ? { interface: name, method: "m" } : OTHER;
      expected.calls(shown, once(name, "m", bytes));
    });
    await lab.grown(expected);
    // Also for whoever comes later, while those that are known stay known.
    const again = await callEach(few, [
      ["late.Interface", "m"],
      [names[0]!, "m"],
    ]);
    await lab.grown(
      new Expected()
        .connections(1)
        .calls(OTHER, once("late.Interface", "m", again))
        .calls({ interface: names[0]!, method: "m" }, once(names[0]!, "m", again)),
    );
  });

  test("with an allow-list only its interfaces have series of their own", async () => {
    const names: [string, string][] = [
      [USER, "GetUser"],
      ["com.k8s.User.UserProvider2", "GetUser"],
      ["com.k8s.User", "GetUser"],
      // Names are compared as they are sent, not as they are shown.
      ["a;.;b", "m"],
      ["a_._b", "m"],
    ];
    const bytes = await callEach(listed, names);
    const expected = new Expected().connections(1);
    names.forEach(([path, method], index) => {
      const shown = { interface: path.replaceAll(";", "_"), method };
      expected.calls(index === 0 || index === 3 ? shown : OTHER, once(path, method, bytes));
    });
    await lab.grown(expected);
    await lab.stays();
  });

  // The last, because nobody can read metrics in which a series comes twice.
  test("a label does not end with a dot", async () => {
    const names = DOTS.map(([name]) => name);
    const bytes = await callEach(lab.ports.tcp, [
      ...names.map((name): [string, string] => [name, "m"]),
      ...names.map((name): [string, string] => [USER, name]),
    ]);
    const expected = new Expected().connections(1);
    for (const [name, shown] of DOTS) {
      expected.calls({ interface: shown, method: "m" }, once(name, "m", bytes));
      expected.calls({ interface: USER, method: shown }, once(USER, name, bytes));
    }
    await lab.grown(expected);
  });
});
