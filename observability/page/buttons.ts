// The demo's buttons: what the page's server offers to do. It offers nothing where it shows a stranger's
// Envoy, and the page then has no buttons.

import { byId, html, say } from "./dom.ts";

/** What the server tells of itself. */
interface About {
  /** The address of the Envoy that it shows. */
  envoy: string;
  actions: Offer[];
}

/** What a button does. */
interface Offer {
  id: string;
  label: string;
  /** `call`, or `kill` for what ends a provider. */
  kind: string;
}

/** How many answers are kept on the page. */
const ANSWERS = 6;
/** Between two calls of "steady calls", in ms. */
const STEADY_MS = 100;

/** Asks whose page it is and what is offered, and shows a button for each. */
export async function showButtons(): Promise<void> {
  const response = await fetch("about");
  const { envoy, actions: offers } = (await response.json()) as About;
  say(byId("envoy"), envoy);
  if (offers.length === 0) return;
  const calls = offers.filter(({ kind }) => kind === "call");
  for (const offer of offers) {
    const button = html("button", { type: "button", class: offer.kind }, offer.label);
    button.addEventListener("click", () => void act(offer, true));
    byId(offer.kind === "kill" ? "kills" : "calls").append(button);
  }
  byId("calls").append(steady(calls));
  byId("demo").hidden = false;
}

/** A switch for a call every tenth of a second, of each kind in turn. */
function steady(calls: Offer[]): HTMLElement {
  const button = html(
    "button",
    { type: "button", class: "steady", "aria-pressed": "false" },
    "Steady calls",
  );
  let timer: ReturnType<typeof setInterval> | undefined;
  let turn = 0;
  button.addEventListener("click", () => {
    if (timer === undefined)
      timer = setInterval(() => void act(calls[turn++ % calls.length]!, false), STEADY_MS);
    else timer = void clearInterval(timer);
    button.setAttribute("aria-pressed", `${timer !== undefined}`);
  });
  return button;
}

async function act({ id, label }: Offer, shown: boolean): Promise<void> {
  let answer = { ok: false, said: "the demo does not answer" };
  try {
    const response = await fetch(`actions/${id}`, { method: "POST" });
    if (response.ok) answer = (await response.json()) as typeof answer;
  } catch {
    // The line above says so.
  }
  if (shown) show(label, answer);
}

function show(label: string, { ok, said }: { ok: boolean; said: string }): void {
  const answers = byId("answers");
  const entry = html("li", { class: ok ? "good" : "bad" }, html("b", {}, label), ` ${said}`);
  answers.prepend(entry);
  while (answers.children.length > ANSWERS) answers.lastElementChild!.remove();
}
