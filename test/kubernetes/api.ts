// Requests to a Kubernetes API server, https://kubernetes.io/docs/reference/using-api/api-concepts/.

import { Agent, request, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { Json } from "../../harness/envoy_config.ts";

/** Where an API server is, and as whom to ask it. */
export interface ApiAccess {
  /** E.g. "https://127.0.0.1:21443". */
  url: string;
  /** PEM of who signed its certificate. */
  ca: string;
  /** Bearer token. */
  token: string;
}

/** What the API server says no with. */
export class ApiError extends Error {
  /** HTTP status. */
  readonly status: number;

  constructor(method: string, path: string, status: number, text: string) {
    super(`${method} ${path}: ${status} ${text}`);
    this.status = status;
  }
}

/** How long an answer may take, in milliseconds. */
const ANSWER_MS = 30_000;

/** A client; it keeps connections until `close`. */
export class ApiClient {
  readonly #access: ApiAccess;
  readonly #agent: Agent;

  constructor(access: ApiAccess) {
    this.#access = access;
    this.#agent = new Agent({ keepAlive: true, ca: access.ca });
  }

  /** GET of a path, e.g. "/api/v1/namespaces/mesh-demo/pods". Rejects with ApiError. */
  get(path: string): Promise<Json> {
    return this.#ask("GET", path);
  }

  /** POST of an object to its collection's path. Gives the object as it was created. */
  create(path: string, object: Json): Promise<Json> {
    return this.#ask("POST", path, object, "application/json");
  }

  /** Merges fields into an object (RFC 7396). */
  merge(path: string, fields: Json): Promise<Json> {
    return this.#ask("PATCH", path, fields, "application/merge-patch+json");
  }

  /** DELETE of an object, or with a query such as "?gracePeriodSeconds=0". */
  delete(path: string): Promise<Json> {
    return this.#ask("DELETE", path);
  }

  /**
   * Tells of every change of a collection from now on, what is there included, until `end` is called.
   * Rejects where the server ends the watch before that.
   */
  watch(path: string, heard: (type: string, object: Json) => void): Watch {
    const options = {
      ...this.#options("GET", `${path}${path.includes("?") ? "&" : "?"}watch=1`),
      agent: undefined,
    };
    const asked = request({ ...options, ca: this.#access.ca });
    let ended = false;
    const done = new Promise<void>((resolve, reject) => {
      const over = (why: Error) => (ended ? resolve() : reject(why));
      asked.once("error", over);
      asked.once("response", (response: IncomingMessage) => {
        const lines = createInterface({ input: response });
        lines.on("line", (line) => {
          const { type, object } = JSON.parse(line) as { type: string; object: Json };
          heard(type, object);
        });
        // readline passes on the errors of what it reads, and says nothing where that just closes.
        lines.on("error", over);
        response.once("close", () => over(new Error(`the watch of ${path} has ended`)));
      });
    });
    asked.end();
    return {
      done,
      end: () => {
        ended = true;
        asked.destroy();
      },
    };
  }

  /** Closes its connections. */
  close(): void {
    this.#agent.destroy();
  }

  #options(method: string, path: string): RequestOptions {
    const { url, token } = this.#access;
    const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
    const { hostname, port } = new URL(url);
    return { method, hostname, port, path, headers, agent: this.#agent };
  }

  #ask(method: string, path: string, body?: Json, type?: string): Promise<Json> {
    return new Promise((resolve, reject) => {
      const asked = request(this.#options(method, path), (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const text = Buffer.concat(chunks).toString();
          const status = response.statusCode!;
          if (status >= 300) reject(new ApiError(method, path, status, text));
          // /readyz and its like answer with a word.
          else resolve(text.startsWith("{") ? (JSON.parse(text) as Json) : { text });
        });
      });
      asked.setTimeout(ANSWER_MS, () => asked.destroy(new Error(`${method} ${path}: no answer`)));
      asked.once("error", reject);
      if (type !== undefined) asked.setHeader("content-type", type);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

/** A watch under way. */
export interface Watch {
  /** Resolved after `end`. */
  done: Promise<void>;
  end(): void;
}
