// Triple calls header by header, as a caller who forges them writes them, over HTTP/2.

import { connect, type OutgoingHttpHeaders } from "node:http2";
import { ECHO_ID } from "./echo.ts";

/** Headers in their order; a name may come twice. */
export type RawHeaders = [name: string, value: string][];

/** What is forged of a call. */
export interface RawCall {
  /** In the place of the form's own. */
  path?: string;
  headers?: RawHeaders;
}

/** A call that is answered with the attachments, and how it is written. */
export interface RawForm {
  path: string;
  contentType: string;
  body: Buffer;
}

/** A JVM's first call takes a while on a busy machine. */
const ANSWER_MS = 10_000;
const USERS = "com.k8s.User.UserProvider";

/** Dubbo Java's plain HTTP form: the arguments as JSON. */
export const JAVA_JSON: RawForm = {
  path: `/${USERS}/GetUser`,
  contentType: "application/json",
  body: Buffer.from(JSON.stringify([ECHO_ID])),
};

/**
 * Its gRPC form: the message TripleRequestWrapper (triple_wrapper.proto) with the serialization, arguments and
 * their types.
 */
export const JAVA_GRPC: RawForm = {
  path: `/${USERS}/GetUser`,
  contentType: "application/grpc",
  body: message(
    field(1, Buffer.from("hessian2")),
    // A hessian2 string of up to 31 characters: its length in front.
    field(2, Buffer.from(`${String.fromCharCode(ECHO_ID.length)}${ECHO_ID}`)),
    field(3, Buffer.from("java.lang.String")),
  ),
};

/** dubbo-go's: google.protobuf.StringValue. */
export const GO_GRPC: RawForm = {
  path: "/com.k8s.Test.TripleProvider/Greet",
  contentType: "application/grpc",
  body: message(field(1, Buffer.from(ECHO_ID))),
};

/** Makes the call by way of the port on 127.0.0.1; resolved with the answer's body. */
export async function callRaw(port: number, form: RawForm, call: RawCall): Promise<Buffer> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      session.on("error", reject);
      const headers: OutgoingHttpHeaders = {
        ":method": "POST",
        ":path": call.path ?? form.path,
        "content-type": form.contentType,
        "tri-protocol-version": "3.3.0",
        te: "trailers",
      };
      for (const [name, value] of call.headers ?? []) {
        const before = headers[name];
        headers[name] = before === undefined ? value : [before as string, value];
      }
      const stream = session.request(headers);
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => resolve(Buffer.concat(chunks)));
      stream.on("error", reject);
      stream.setTimeout(ANSWER_MS, () => reject(new Error("no answer")));
      stream.end(form.body);
    });
  } finally {
    session.destroy();
  }
}

/** A field of bytes in protobuf, shorter than 128. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

/** gRPC's five bytes in front of a message: not compressed, and its length. */
function message(...fields: Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}
