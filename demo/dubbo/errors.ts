// How a Dubbo call fails, as errors that a caller can tell apart.

import { statusName } from "./protocol.ts";

/**
 * An exception as a value: the provider's method threw (response kinds 0 and 3). A handler of
 * `DubboServer` throws one to choose the Java class that the caller sees.
 */
export class DubboException extends Error {
  override readonly name = "DubboException";
  /** Full name of the Java class. */
  readonly className: string;

  constructor(className: string, message: string) {
    super(message);
    this.className = className;
  }
}

/**
 * A response whose status is not OK (20). A handler of `DubboServer` throws one to answer with that
 * status instead of an exception.
 */
export class DubboStatusError extends Error {
  override readonly name = "DubboStatusError";
  /** The status on the wire; see `Status`. */
  readonly status: number;
  /** The message alone, as on the wire. */
  readonly detail: string;

  constructor(status: number, message: string) {
    super(`${statusName(status)}: ${message}`);
    this.status = status;
    this.detail = message;
  }
}

/** No answer came within the call's time. */
export class DubboTimeoutError extends Error {
  override readonly name = "DubboTimeoutError";
}

/** There was no connection, or it ended before the answer came. */
export class DubboConnectionError extends Error {
  override readonly name = "DubboConnectionError";
}

/** Bytes that are not Dubbo, or not in a form this peer reads. */
export class DubboFormatError extends Error {
  override readonly name = "DubboFormatError";
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
