// The picture: callers → the filter in Envoy → the guard → providers, with what flows on each arrow.
//
// Drawn anew only where other parts appear or the window has another width; between, texts and widths of
// lines change in place, so that what moves goes on moving.

import {
  byId,
  bytes,
  cut,
  duration,
  number,
  percent,
  perSecond,
  say,
  set,
  svg,
  whole,
} from "./dom.ts";
import type { Caller, Model, Provider } from "./model.ts";

/** Under this width, in CSS pixels, the picture goes from top to bottom. */
const NARROW = 640;
const WIDEST = 1100;
const BOX = { height: 46, gap: 18, radius: 10 };
/** Characters of a name that a box takes, at the size of its letters. */
const CHARACTER = 7.6;

type Point = [x: number, y: number];
type Update = (model: Model) => void;
type Draw = (
  group: SVGGElement,
  model: Model,
  width: number,
) => { height: number; updates: Update[] };

let drawn = "";
let updates: Update[] = [];

/** Shows the model. */
export function showPicture(model: Model): void {
  const place = byId("picture");
  const width = Math.min(place.clientWidth, WIDEST);
  const parts = JSON.stringify([
    width,
    model.callers.map(({ name }) => name),
    model.providers.map(({ name, guarded }) => [name, guarded]),
  ]);
  if (parts !== drawn) {
    drawn = parts;
    const group = svg("g");
    const draw = width < NARROW ? drawDown : drawAcross;
    const { height, updates: all } = draw(group, model, width);
    updates = all;
    const size = { width, height, viewBox: `0 0 ${width} ${height}` };
    place.replaceChildren(
      svg("svg", { role: "img", "aria-labelledby": "picture-text", ...size }, group),
    );
  }
  for (const update of updates) update(model);
  say(byId("picture-text"), inWords(model));
}

const drawAcross: Draw = (group, model, width) => {
  const side = Math.min(230, width * 0.25);
  const middle = Math.min(260, width * 0.27);
  const rows = Math.max(model.callers.length, model.providers.length, 1);
  const height = Math.max(rows * (BOX.height + BOX.gap) + 44, 210);
  const [center, left] = [height / 2, (width - middle) / 2];
  const filterHeight = 128;
  const guarded = model.providers.some(({ guarded }) => guarded);
  const guardX = left + middle + (width - side - left - middle) * 0.32;
  const frameEnd = guarded ? guardX + 30 : left + middle + 18;
  group.append(frame(left - 18, 10, frameEnd - left + 18, height - 20));
  const updates: Update[] = [];
  const rowsOf = (count: number) => (index: number) =>
    center + (index - (count - 1) / 2) * (BOX.height + BOX.gap);
  const spread = (count: number, index: number) =>
    center + (count < 2 ? 0 : (index / (count - 1) - 0.5) * (filterHeight - 44));

  const callerY = rowsOf(Math.max(model.callers.length, 1));
  model.callers.forEach(({ name }, i) => {
    const from: Point = [side, callerY(i)];
    const to: Point = [left, spread(model.callers.length, i)];
    updates.push(
      arrow(group, curve(from, to), between(from, [left - 18, to[1]]), ({ callers }) =>
        flowOf(callers[i]!),
      ),
    );
    updates.push(callerBox(group, name, 0, callerY(i), side, i));
  });
  if (model.callers.length === 0) nobody(group, "no calls yet", 0, center, side);

  const providerY = rowsOf(Math.max(model.providers.length, 1));
  model.providers.forEach((provider, i) => {
    const to: Point = [width - side, providerY(i)];
    const from: Point = [left + middle, spread(model.providers.length, i)];
    const by: Point = [guardX, providerY(i)];
    const path = provider.guarded
      ? `${curve(from, [by[0] - 13, by[1]])} M ${by[0] + 13} ${by[1]} L ${to[0]} ${to[1]}`
      : curve(from, to);
    const label: Point = [(frameEnd + to[0]) / 2, providerY(i)];
    updates.push(arrow(group, path, label, ({ providers }) => flowTo(providers[i]!)));
    if (provider.guarded) group.append(shield(...by));
    updates.push(providerBox(group, provider.name, to[0], to[1], side, i));
  });
  if (model.providers.length === 0) nobody(group, "no connection yet", width - side, center, side);
  updates.push(filterBox(group, left, center - filterHeight / 2, middle, filterHeight));
  return { height, updates };
};

const drawDown: Draw = (group, model, width) => {
  const updates: Update[] = [];
  const [inset, filterHeight, indent] = [12, 118, 116];
  const callers = Math.max(model.callers.length, 1);
  const step = BOX.height + BOX.gap;
  const perRow = callers === 1 ? 1 : 2;
  const callerWidth = (width - (perRow - 1) * 12) / perRow;
  const callerRows = Math.ceil(callers / perRow);
  const filterY = callerRows * step + 64;
  group.append(frame(0, filterY - 28, width, filterHeight + 40));
  model.callers.forEach(({ name }, i) => {
    const x = (i % perRow) * (callerWidth + 12);
    const y = Math.floor(i / perRow) * step + BOX.height / 2;
    const from: Point = [x + callerWidth / 2, y + BOX.height / 2];
    const to: Point = [from[0], filterY];
    // A line of an upper row would run through the box below it.
    const path = i + perRow < callers ? "" : `M ${from} L ${to}`;
    const label: Point = [from[0], filterY - 48];
    if (path !== "") updates.push(arrow(group, path, label, ({ callers }) => flowOf(callers[i]!)));
    updates.push(callerBox(group, name, x, y, callerWidth, i));
  });
  if (model.callers.length === 0) nobody(group, "no calls yet", 0, BOX.height / 2, width);
  const trunk = 30;
  const bottom = filterY + filterHeight;
  model.providers.forEach((provider, i) => {
    const y = bottom + 44 + i * step + BOX.height / 2;
    const turn = `M ${trunk} ${bottom} L ${trunk} ${y - 12} Q ${trunk} ${y} ${trunk + 12} ${y}`;
    const path = `${turn} L ${indent} ${y}`;
    updates.push(arrow(group, path, [trunk + 46, y], ({ providers }) => flowTo(providers[i]!)));
    if (provider.guarded) group.append(shield(trunk, y - 2));
    updates.push(providerBox(group, provider.name, indent, y, width - indent, i));
  });
  const rows = Math.max(model.providers.length, 1);
  if (model.providers.length === 0) {
    nobody(group, "no connection yet", indent, bottom + 44 + BOX.height / 2, width - indent);
  }
  updates.push(filterBox(group, inset, filterY, width - 2 * inset, filterHeight));
  return { height: bottom + 44 + rows * step, updates };
};

interface Flow {
  text: string;
  /** Calls per second, or what stands for them: how thick and how fast the line is. */
  strength: number;
  broken: boolean;
}

function flowOf({ rate }: Caller): Flow {
  return { text: perSecond(rate), strength: rate, broken: false };
}

function flowTo({ rate, bytes: perSec, unreachable }: Provider): Flow {
  const text = rate === undefined ? bytes(perSec) : perSecond(rate);
  return { text, strength: rate ?? perSec / 500, broken: unreachable };
}

function arrow(group: SVGGElement, d: string, [x, y]: Point, flow: (model: Model) => Flow): Update {
  const line = svg("path", { class: "line", d });
  const dashes = svg("path", { class: "dashes", d });
  const pill = svg("rect", { class: "pill", y: y - 12, height: 24, rx: 12 });
  const text = svg("text", { class: "rate", x, y: y + 4.5, "text-anchor": "middle" });
  group.append(line, dashes, pill, text);
  return (model) => {
    const { text: rate, strength, broken } = flow(model);
    say(text, rate);
    const length = rate.length * CHARACTER + 16;
    set(pill, "x", `${x - length / 2}`);
    set(pill, "width", `${length}`);
    const width = strength > 0 ? Math.min(2 + Math.log10(1 + strength) * 1.6, 7) : 1.5;
    for (const one of [line, dashes]) set(one, "stroke-width", width.toFixed(1));
    // Four speeds only: another duration lets the dashes jump.
    const speed =
      strength <= 0 ? "still" : strength < 2 ? "slow" : strength < 40 ? "brisk" : "fast";
    set(dashes, "class", `dashes ${speed}${broken ? " broken" : ""}`);
    set(line, "class", `line${broken ? " broken" : ""}`);
  };
}

function callerBox(
  group: SVGGElement,
  name: string,
  x: number,
  y: number,
  width: number,
  i: number,
): Update {
  const { line } = namedBox(group, name, x, y, width);
  return ({ callers }) => say(line, callers[i]!.rate > 0 ? "calling" : "silent");
}

function providerBox(
  group: SVGGElement,
  name: string,
  x: number,
  y: number,
  width: number,
  i: number,
): Update {
  const { box, line } = namedBox(group, name, x, y, width);
  return ({ providers }) => {
    const { unreachable, connections } = providers[i]!;
    set(box, "class", `box${unreachable ? " broken" : ""}`);
    say(line, unreachable ? "cannot be reached" : count(connections, "connection"));
  };
}

/** A box with its name, and an empty line below it to say something in. */
function namedBox(group: SVGGElement, name: string, x: number, y: number, width: number) {
  const box = svg("g", { class: "box" });
  const line = svg("text", { class: "small", x: x + 14, y: y + 15 });
  const shown = cut(name, Math.floor((width - 22) / CHARACTER));
  const rect = svg("rect", {
    x: x + 0.75,
    y: y - BOX.height / 2,
    width: width - 1.5,
    height: BOX.height,
    rx: BOX.radius,
  });
  const text = svg("text", { class: "name", x: x + 14, y: y - 3 }, shown);
  box.append(rect, text, line, svg("title", {}, name));
  group.append(box);
  return { box, line };
}

function filterBox(
  group: SVGGElement,
  x: number,
  y: number,
  width: number,
  height: number,
): Update {
  const [middle, box] = [x + width / 2, svg("g", { class: "filter" })];
  const at = (dy: number, name: string) =>
    svg("text", { class: name, x: middle, y: y + dy, "text-anchor": "middle" });
  const [title, rate, first, second] = [
    at(24, "name"),
    at(62, "big"),
    at(87, "small"),
    at(106, "small"),
  ];
  say(title, "Dubbo filter");
  box.append(svg("rect", { x, y, width, height, rx: 14 }), title, rate, first, second);
  group.append(box);
  return ({ rate: calls, active, p50, p99, failing }) => {
    say(rate, `${number(calls)} calls/s`);
    say(first, `p50 ${duration(p50)} · p99 ${duration(p99)}`);
    say(second, `${whole(active)} in flight · ${percent(failing)} failing`);
    set(second, "class", failing > 0 ? "small bad" : "small");
  };
}

function nobody(group: SVGGElement, text: string, x: number, y: number, width: number): void {
  const rect = svg("rect", {
    x: x + 1,
    y: y - BOX.height / 2,
    width: width - 2,
    height: BOX.height,
    rx: BOX.radius,
  });
  const line = svg(
    "text",
    { class: "small", x: x + width / 2, y: y + 4, "text-anchor": "middle" },
    text,
  );
  group.append(svg("g", { class: "nobody" }, rect, line));
}

function frame(x: number, y: number, width: number, height: number): SVGGElement {
  const rect = svg("rect", { x: x + 1, y, width: width - 2, height, rx: 18 });
  const text = svg("text", { class: "small", x: x + 18, y: y + 20 }, "Envoy");
  return svg("g", { class: "envoy" }, rect, text);
}

function shield(x: number, y: number): SVGGElement {
  const d = "M 0 -12 L 10 -8 L 10 0 C 10 7 5 11 0 13 C -5 11 -10 7 -10 0 L -10 -8 Z";
  const title = svg("title", {}, "the guard: answers when the provider ends");
  const mark = svg("path", { class: "mark", d: "M -4.5 0 L -1.2 3.6 L 5 -3.4" });
  return svg(
    "g",
    { class: "shield", transform: `translate(${x} ${y})` },
    svg("path", { d }),
    mark,
    title,
  );
}

function curve([x1, y1]: Point, [x2, y2]: Point): string {
  const half = (x1 + x2) / 2;
  return `M ${x1} ${y1} C ${half} ${y1} ${half} ${y2} ${x2} ${y2}`;
}

function between([x1, y1]: Point, [x2, y2]: Point): Point {
  return [(x1 + x2) / 2, (y1 + y2) / 2];
}

function count(value: number, what: string): string {
  return `${whole(value)} ${what}${value === 1 ? "" : "s"}`;
}

/** The picture for who does not see it. */
function inWords({ rate, failing, callers, providers }: Model): string {
  const from = callers.map(({ name, rate }) => `${name} ${perSecond(rate)}`).join(", ");
  const to = providers.map(
    ({ name, rate, bytes: perSec, unreachable }) =>
      `${name} ${unreachable ? "cannot be reached" : rate === undefined ? bytes(perSec) : perSecond(rate)}`,
  );
  return `${from || "Nobody calls"}; through the filter ${number(rate)} calls per second, ${percent(failing)} failing; to ${to.join(", ") || "no provider yet"}.`;
}
