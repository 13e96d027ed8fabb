// The table: a row for each method, under its interface, with the last two minutes as a line.

import { byId, bytes, duration, html, number, say, set, svg, whole } from "./dom.ts";
import { shortName, type Count, type Method, type Model } from "./model.ts";

/** Points of a line; one for each second that was asked. */
const POINTS = 120;
const LINE = { width: 120, height: 28 };
const COLUMNS = [
  "Method",
  "Calls/s",
  "Last 2 min",
  "Errors",
  "p50",
  "p99",
  "In flight",
  "In",
  "Out",
];

interface Row {
  line: { shape: SVGPathElement; stroke: SVGPathElement; svg: SVGSVGElement; values: number[] };
  cells: HTMLElement[];
  errors: HTMLElement;
}

let drawn = "";
const rows = new Map<string, Row>();

/** Shows the model. */
export function showTable({ methods }: Model): void {
  const parts = JSON.stringify(methods.map(keyOf));
  if (parts !== drawn) {
    drawn = parts;
    draw(methods);
  }
  for (const method of methods) update(rows.get(keyOf(method))!, method);
}

function keyOf({ interface: name, method, protocol, side }: Method): string {
  return JSON.stringify([name, method, protocol, side]);
}

// What a phone shows as cards is a table all the same: `display` would take its roles away.
function draw(methods: Method[]): void {
  const sides = new Set(methods.map(({ side }) => side)).size;
  const heads = COLUMNS.map((name) => html("th", { scope: "col", role: "columnheader" }, name));
  const head = html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, ...heads));
  const bodies: HTMLElement[] = [];
  for (const [i, method] of methods.entries()) {
    if (i === 0 || methods[i - 1]!.interface !== method.interface) {
      bodies.push(html("tbody", { role: "rowgroup" }, interfaceRow(method.interface)));
    }
    bodies.at(-1)!.append(methodRow(method, sides > 1));
  }
  const caption = html("caption", {}, "Calls by interface and method");
  const all = { role: "table", "aria-label": "Calls by interface and method" };
  const shown = methods.length > 0 ? [html("table", all, caption, head, ...bodies)] : [];
  byId("methods").replaceChildren(...shown);
}

function interfaceRow(name: string): HTMLElement {
  const at = name.length - shortName(name).length;
  const parts = [html("span", { class: "package" }, name.slice(0, at)), name.slice(at)];
  const cell = html(
    "th",
    { scope: "rowgroup", colspan: COLUMNS.length, role: "rowheader" },
    ...parts,
  );
  return html("tr", { role: "row", class: "interface" }, cell);
}

function methodRow(method: Method, sides: boolean): HTMLElement {
  const key = keyOf(method);
  const tags = [method.protocol, ...(sides ? [method.side] : [])];
  const name = html(
    "th",
    { scope: "row", role: "rowheader" },
    html("span", { class: "method" }, method.method),
    ...tags.map((tag) => html("span", { class: "tag" }, tag)),
  );
  const cells = ["rate", "p50", "p99", "active", "in", "out"].map(() =>
    html("td", { role: "cell", class: "number" }),
  );
  const [rate, p50, p99, active, inward, outward] = cells;
  const errors = html("td", { role: "cell", class: "errors" });
  const [shape, stroke] = [svg("path", { class: "area" }), svg("path", { class: "spark" })];
  const size = {
    width: LINE.width,
    height: LINE.height,
    viewBox: `0 0 ${LINE.width} ${LINE.height}`,
  };
  const line = svg("svg", { role: "img", ...size }, shape, stroke);
  const spark = html("td", { role: "cell", class: "sparkline" }, line);
  const known = rows.get(key)?.line.values ?? [];
  rows.set(key, { line: { shape, stroke, svg: line, values: known }, cells, errors });
  const all = [name, rate!, spark, errors, p50!, p99!, active!, inward!, outward!];
  all.slice(1).forEach((cell, i) => cell.setAttribute("data-label", COLUMNS[i + 1]!));
  return html("tr", { role: "row" }, ...all);
}

function update({ line, cells, errors }: Row, method: Method): void {
  const { rate, p50, p99, active, requestBytes, responseBytes } = method;
  const texts = [
    number(rate),
    duration(p50),
    duration(p99),
    whole(active),
    bytes(requestBytes),
    bytes(responseBytes),
  ];
  texts.forEach((text, i) => say(cells[i]!, text));
  set(cells[0]!, "title", `${whole(method.calls)} calls since Envoy began`);
  showErrors(errors, method.failures);
  line.values.push(rate);
  if (line.values.length > POINTS) line.values.shift();
  const most = Math.max(...line.values);
  const points = line.values.map((value, i) => {
    const x = LINE.width - ((line.values.length - 1 - i) * LINE.width) / (POINTS - 1);
    const y = LINE.height - 2 - (most > 0 ? value / most : 0) * (LINE.height - 5);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  set(line.stroke, "d", `M ${points.join(" L ")}`);
  const first = points[0]!.split(" ")[0];
  set(
    line.shape,
    "d",
    `M ${first} ${LINE.height} L ${points.join(" L ")} L ${LINE.width} ${LINE.height} Z`,
  );
  set(
    line.svg,
    "aria-label",
    `${method.method}: now ${number(rate)} calls per second, at most ${number(most)}`,
  );
}

function showErrors(cell: HTMLElement, failures: Count[]): void {
  const texts = failures.map(({ name, count }) => `${name} ${whole(count)}`);
  if (cell.dataset.shown !== JSON.stringify(texts)) {
    cell.dataset.shown = JSON.stringify(texts);
    const none = html("span", { class: "none" }, "none");
    const chips = texts.map((text) => html("span", { class: "chip" }, text));
    cell.replaceChildren(...(chips.length > 0 ? chips : [none]));
  }
  if (failures.length === 0) return;
  failures.forEach(({ name, rate }, i) => {
    const kind = name === "exception" ? " exception" : "";
    set(cell.children[i]!, "class", `chip${kind}${rate > 0 ? " now" : ""}`);
    set(cell.children[i]!, "title", `${perSecondWords(rate)}; the count is since Envoy began`);
  });
}

function perSecondWords(rate: number): string {
  return rate > 0 ? `${number(rate)} per second now` : "none in the last seconds";
}
