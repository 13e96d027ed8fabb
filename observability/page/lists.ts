// What the filter did to calls besides counting them: a list each for routes, refusals, the guard and
// what could not be read.

import { byId, html, perSecond, whole } from "./dom.ts";
import type { Count, Model } from "./model.ts";

/** Shows the model. */
export function showLists({ routes, refusals, guarded, unread }: Model): void {
  show("routes", routes, "No rule was taken.");
  show("refusals", refusals, "No call was refused.");
  show("guarded", guarded, "The guard had nothing to answer.");
  show("unread", unread, "Everything could be read.");
}

function show(id: string, counts: Count[], none: string): void {
  const list = byId(id);
  const most = Math.max(...counts.map(({ count }) => count));
  const entries = counts.map(({ name, count, rate }) => {
    const bar = html("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--part", `${(100 * count) / most}%`);
    const numbers = rate > 0 ? `${whole(count)} · ${perSecond(rate)}` : whole(count);
    const [label, value] = [
      html("span", { class: "label" }, name),
      html("span", { class: "value" }, numbers),
    ];
    return html("li", {}, label, value, bar);
  });
  const shown = JSON.stringify(counts);
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren(...(entries.length > 0 ? entries : [html("li", { class: "none" }, none)]));
}
