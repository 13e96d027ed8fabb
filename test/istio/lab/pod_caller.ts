// A program for a pod: asks from inside of it, so that its sidecar carries the calls. The argument is
// a list of questions in JSON; they are asked one after another, each over a connection of its own. A
// line of JSON is printed for each answer.
//
//   {"host": "poc-data", "port": 80, "path": "/data", "headers": {...}}   {"status": 200, "headers": ..., "body": ...}
//   {"host": "poc-tcp-echo", "port": 9000, "line": "x"}                   {"line": "v1 poc-... x"}
//
// Where there was no answer: {"error": "why"}.

import { Agent, get } from "node:http";
import { connect } from "node:net";
import type { Question } from "./inside.ts";

const ANSWER_MS = 20_000;

for (const question of JSON.parse(process.argv[2]!) as Question[]) {
  const answer = await ("line" in question ? line(question) : http(question)).catch(
    (error: Error) => ({ error: error.message }),
  );
  console.log(JSON.stringify(answer));
}

function http({ host, port, path, headers }: Extract<Question, { path: string }>): Promise<object> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const options = { host, port, path, headers, agent, signal: AbortSignal.timeout(ANSWER_MS) };
    const request = get(options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body }),
      );
    });
    request.once("error", reject);
  });
}

function line({ host, port, line }: Extract<Question, { line: string }>): Promise<object> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: ANSWER_MS });
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.endsWith("\n")) socket.end();
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer in time")));
    socket.once("error", reject);
    socket.once("close", () => {
      if (text === "") reject(new Error("closed without an answer"));
      else resolve({ line: text.trimEnd() });
    });
    socket.write(`${line}\n`);
  });
}
