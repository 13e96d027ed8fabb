// Load generator and provider as processes of their own, asked over Node's channel to a child: one
// question at a time, one answer each.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

type Answer<T> = { answer: T } | { error: string };

/** The parent's end. */
export class Peer<Question, Reply> {
  readonly #name: string;
  readonly #child: ChildProcess;

  /** Starts a module of this folder; it must call `answerQuestions`. */
  constructor(file: string) {
    this.#name = file;
    this.#child = fork(new URL(file, import.meta.url));
  }

  /** Rejects with the child's error, when it ends, and when it says nothing for so many ms. */
  async ask(question: Question, ms: number): Promise<Reply> {
    const ended = new AbortController();
    const onExit = () => ended.abort(new Error(`${this.#name} has ended`));
    this.#child.once("exit", onExit);
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(ms), ended.signal]);
      const answer = once(this.#child, "message", { signal });
      this.#child.send(question as object);
      const [message] = (await answer) as [Answer<Reply>];
      if ("error" in message) throw new Error(`${this.#name}: ${message.error}`);
      return message.answer;
    } finally {
      this.#child.off("exit", onExit);
    }
  }

  /** Ends the child. */
  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

/** The child's end: answers each question, and ends with the parent. */
export function answerQuestions<Question, Reply>(
  answer: (question: Question) => Promise<Reply> | Reply,
): void {
  process.on("disconnect", () => process.exit());
  process.on("message", (question: Question) => {
    Promise.resolve()
      .then(() => answer(question))
      .then(
        (reply) => process.send?.({ answer: reply }),
        (error: unknown) => process.send?.({ error: String(error) }),
      );
  });
}
