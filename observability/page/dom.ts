// Elements, and numbers as a reader wants them. Text is always set as text: names come from the wire.

const SVG = "http://www.w3.org/2000/svg";

type Attributes = Record<string, string | number>;

/** An HTML element with attributes and children; strings become text. */
export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** The element of index.html that has the id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** Sets an element's text where it is another. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute where it is another. */
export function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function filled<E extends Element>(
  element: E,
  attributes: Attributes,
  children: (Node | string)[],
): E {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`);
  element.append(...children);
  return element;
}

/** A number with two or three digits that count: 0.04, 3.1, 42, 1,234. */
export function number(value: number): string {
  if (value === 0) return "0";
  if (value < 0.1) return value < 0.005 ? "<0.01" : value.toFixed(2);
  if (value < 10) return value.toFixed(1);
  return Math.round(value).toLocaleString("en");
}

/** A count: 0, 7, 1,234. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** A rate: "42/s". */
export function perSecond(value: number): string {
  return `${number(value)}/s`;
}

/** Milliseconds: "0.4 ms", "1.2 s"; a dash where there are none. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  return ms < 1000 ? `${number(ms)} ms` : `${number(ms / 1000)} s`;
}

/** Bytes per second: "640 B/s", "1.2 kB/s". */
export function bytes(value: number): string {
  let at = 0;
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  return `${at === 0 ? Math.round(value) : number(value)} ${units[at]}`;
}

/** A part of one in percent. */
export function percent(part: number): string {
  return `${number(part * 100)} %`;
}

/** A name cut to so many characters: its end, which tells more of it than its beginning. */
export function cut(name: string, most: number): string {
  return name.length <= most ? name : `…${name.slice(name.length - most + 1)}`;
}
