// The attachments that a provider had of a call: it answers the id "echo" with them, as
// `echo(KEY:VALUE,…)`, percent-encoded, whatever else the answer is written in.

/** The id, or name, that providers answer so. */
export const ECHO_ID = "echo";

/** Every attachment, and `:service` where the provider says which one ran; null: the answer has none. */
export function echoIn(answer: Buffer): Record<string, string> | null {
  const found = /echo\(([^)]*)\)/.exec(answer.toString("latin1"));
  if (found === null) return null;
  const entries = found[1]!.split(",").filter((entry) => entry !== "");
  return Object.fromEntries(entries.map((entry) => entry.split(":").map(decoded)));
}

function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
