// The page: asks Envoy's /stats/prometheus once a second, by way of the server that it came from, and
// shows what that says.

import { showButtons } from "./buttons.ts";
import { byId, say, set } from "./dom.ts";
import { readExposition } from "./exposition.ts";
import { History } from "./history.ts";
import { showLists } from "./lists.ts";
import { modelOf, type Model } from "./model.ts";
import { showPicture } from "./picture.ts";
import { showTable } from "./table.ts";

const POLL_MS = 1000;
/** Envoy answers in some milliseconds; one by way of a slow port-forward in some hundred. */
const LATE_MS = 10_000;

const history = new History();
let shown: Model | undefined;

async function poll(): Promise<void> {
  const began = performance.now();
  try {
    const response = await fetch("stats/prometheus", { signal: AbortSignal.timeout(LATE_MS) });
    if (!response.ok) throw new Error(await response.text());
    history.push(began, readExposition(await response.text()));
    shown = modelOf(history);
    show(shown);
    say(byId("state"), stateOf(shown));
    set(byId("state"), "class", shown.unlabelled ? "bad" : "good");
  } catch (error) {
    say(byId("state"), `Envoy does not answer: ${(error as Error).message}`);
    set(byId("state"), "class", "bad");
  }
  setTimeout(() => void poll(), Math.max(POLL_MS - (performance.now() - began), POLL_MS / 4));
}

function show(model: Model): void {
  showPicture(model);
  showTable(model);
  showLists(model);
}

function stateOf({ seen, unlabelled, methods }: Model): string {
  if (unlabelled) return "The series have no labels: Envoy's stats_tags are missing";
  if (!seen) return "No connection has come to the filter yet";
  return methods.length === 0 ? "No call has passed the filter yet" : "Live";
}

addEventListener("resize", () => {
  if (shown !== undefined) showPicture(shown);
});
void showButtons();
void poll();
