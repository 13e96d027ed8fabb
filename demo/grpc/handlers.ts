// What serves a unary gRPC call as a plain function: a request in, an answer or an error out.

import { status as Status, type handleUnaryCall, type Metadata } from "@grpc/grpc-js";

/** Answers a call; `metadata` is what came with it as request headers. */
export type Unary<Request, Answer> = (
  request: Request,
  metadata: Metadata,
) => Answer | Promise<Answer>;

/** What a handler throws to choose the gRPC status that the caller sees. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  /** See `status` of @grpc/grpc-js. */
  readonly code: Status;

  constructor(code: Status, message: string) {
    super(message);
    this.code = code;
  }
}

/** The function for @grpc/grpc-js. What is thrown and is no StatusError becomes INTERNAL. */
export function unary<Request, Answer>(
  handler: Unary<Request, Answer>,
): handleUnaryCall<Request, Answer> {
  return (call, reply) => {
    new Promise<Answer>((resolve) => resolve(handler(call.request, call.metadata))).then(
      (answer) => reply(null, answer),
      (error) => {
        const code = error instanceof StatusError ? error.code : Status.INTERNAL;
        reply({ code, details: error instanceof Error ? error.message : String(error) });
      },
    );
  };
}
