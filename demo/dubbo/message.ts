// Calls, answers and events into frames and back, with bodies in Hessian 2 by hessian.js.
//
//   request   dubboVersion path serviceVersion method descriptor argument* attachments
//   response  OK: kind [value | exception] [attachments]      otherwise: message
//   event     null (heartbeat) | "R" (READONLY)
//
// One encoder writes a whole body: its class definitions and references count on from value to
// value. http://hessian.caucho.com/doc/hessian-serialization.html describes the values.

import { DecoderV2, EncoderV2 } from "hessian.js";
import { DubboException, DubboFormatError, messageOf } from "./errors.ts";
import type { Frame } from "./frame.ts";
import { encodeFrame } from "./frame.ts";
import { exceptionOf, throwable } from "./java.ts";
import { DUBBO_VERSION, HESSIAN2, READONLY_EVENT, ResponseKind, Status } from "./protocol.ts";

/** What travels beside arguments and values; mostly strings, but peers may send any object. */
export type Attachments = Record<string, unknown>;

/** What a request calls. A peer may send null for any of the strings. */
export interface Invocation {
  dubboVersion: string | null;
  path: string | null;
  serviceVersion: string | null;
  method: string | null;
  /** JVM type descriptors of the parameters in a row, e.g. `ILjava/lang/String;`. */
  descriptor: string | null;
  args: unknown[];
  attachments: Attachments;
}

/** What a response says: a value (null where there is none), an exception, or a bad status. */
export type Reply =
  | { type: "value"; value: unknown; attachments: Attachments }
  | { type: "exception"; exception: DubboException; attachments: Attachments }
  | { type: "failure"; status: number; message: string };

const EVENT = { event: true, serializationId: HESSIAN2, status: 0 };
const READONLY_BODY = encodeValues([READONLY_EVENT]);

/** A request frame's bytes; `dubboVersion` is ours. */
export function encodeRequest(
  id: bigint,
  invocation: Omit<Invocation, "dubboVersion">,
  twoway: boolean,
): Buffer {
  const { path, serviceVersion, method, descriptor, args, attachments } = invocation;
  const head = [DUBBO_VERSION, path, serviceVersion, method, descriptor];
  const body = encodeValues([...head, ...args, attachments]);
  const serializationId = HESSIAN2;
  return encodeFrame({ request: true, twoway, event: false, serializationId, status: 0, id, body });
}

/** What a request frame calls. Throws DubboFormatError where the body cannot be read. */
export function decodeRequest(frame: Frame): Invocation {
  return decodeBody(frame, (decoder) => {
    const string = () => asString(decoder.read());
    const [dubboVersion, path, serviceVersion] = [string(), string(), string()];
    const [method, descriptor] = [string(), string()];
    const args: unknown[] = [];
    for (let left = parameterCount(descriptor ?? ""); left > 0; left--) args.push(decoder.read());
    const attachments = readAttachments(decoder, frame.body);
    return { dubboVersion, path, serviceVersion, method, descriptor, args, attachments };
  });
}

/** A response with a value, with attachments as Dubbo Java sends them. */
export function encodeValue(id: bigint, value: unknown, attachments: Attachments = {}): Buffer {
  const all = { dubbo: DUBBO_VERSION, ...attachments };
  if (value === null || value === undefined) {
    return encodeResponse(id, Status.OK, [ResponseKind.NULL_WITH_ATTACHMENTS, all]);
  }
  return encodeResponse(id, Status.OK, [ResponseKind.VALUE_WITH_ATTACHMENTS, value, all]);
}

/** A response with an exception: whatever was thrown; see `throwable`. */
export function encodeException(id: bigint, error: unknown): Buffer {
  const attachments = { dubbo: DUBBO_VERSION };
  const kind = ResponseKind.EXCEPTION_WITH_ATTACHMENTS;
  return encodeResponse(id, Status.OK, [kind, throwable(error), attachments]);
}

/** A response with a status other than OK. */
export function encodeFailure(id: bigint, status: number, message: string): Buffer {
  return encodeResponse(id, status, [message]);
}

/** What a response frame says. Throws DubboFormatError where the body cannot be read. */
export function decodeResponse(frame: Frame): Reply {
  return decodeBody(frame, (decoder) => {
    if (frame.status !== Status.OK) return readFailure(frame, decoder);
    const kind = decoder.read();
    switch (kind) {
      case ResponseKind.EXCEPTION:
      case ResponseKind.EXCEPTION_WITH_ATTACHMENTS: {
        const plain = new DecoderV2(frame.body);
        plain.read();
        const exception = exceptionOf(decoder.read(true), plain.read());
        return { type: "exception", exception, attachments: readAttachments(decoder, frame.body) };
      }
      case ResponseKind.VALUE:
      case ResponseKind.VALUE_WITH_ATTACHMENTS: {
        const value = decoder.read();
        const attached = kind === ResponseKind.VALUE_WITH_ATTACHMENTS;
        const attachments = attached ? readAttachments(decoder, frame.body) : {};
        return { type: "value", value, attachments };
      }
      case ResponseKind.NULL:
        return { type: "value", value: null, attachments: {} };
      case ResponseKind.NULL_WITH_ATTACHMENTS:
        return { type: "value", value: null, attachments: readAttachments(decoder, frame.body) };
      default:
        throw new DubboFormatError(`a response of the unknown kind ${String(kind)}`);
    }
  });
}

/** A heartbeat that wants to be answered. */
export function encodeHeartbeat(id: bigint): Buffer {
  return encodeFrame({ ...EVENT, request: true, twoway: true, id, body: encodeValues([null]) });
}

/** The answer to a heartbeat of any serialization. */
export function encodeHeartbeatAnswer(heartbeat: Frame): Buffer {
  // The body is null in the heartbeat's own serialization, so it is sent back as it came.
  return encodeFrame({ ...heartbeat, request: false, twoway: false, status: Status.OK });
}

/** A provider's word that it takes no new calls; nobody answers it. */
export function encodeReadonly(id: bigint): Buffer {
  return encodeFrame({ ...EVENT, request: true, twoway: false, id, body: READONLY_BODY });
}

/** Whether an event frame is READONLY. */
export function isReadonly(frame: Frame): boolean {
  return frame.body.subarray(0, READONLY_BODY.length).equals(READONLY_BODY);
}

/** How many parameters a descriptor names, e.g. 3 in `[[ILjava/util/Map;Z`. */
export function parameterCount(descriptor: string): number {
  const types = descriptor.match(/\[*(?:L[^;]*;|[ZBCSIJFDV])/g) ?? [];
  if (types.join("") !== descriptor) {
    throw new DubboFormatError(`not a parameter types descriptor: ${descriptor}`);
  }
  return types.length;
}

function encodeResponse(id: bigint, status: number, values: unknown[]): Buffer {
  const body = encodeValues(values);
  const serializationId = HESSIAN2;
  return encodeFrame({
    request: false,
    twoway: false,
    event: false,
    serializationId,
    status,
    id,
    body,
  });
}

function encodeValues(values: unknown[]): Buffer {
  const encoder = new EncoderV2();
  for (const value of values) encoder.write(value);
  return encoder.get();
}

function decodeBody<T>(frame: Frame, read: (decoder: DecoderV2) => T): T {
  if (frame.serializationId !== HESSIAN2) {
    throw new DubboFormatError(`serialization ${frame.serializationId} is not hessian2 (2)`);
  }
  try {
    return read(new DecoderV2(frame.body));
  } catch (error) {
    if (error instanceof DubboFormatError) throw error;
    // At the body's end hessian.js fails with whatever TypeError comes first.
    throw new DubboFormatError(`a body that is not Hessian 2: ${messageOf(error)}`);
  }
}

// Bytes after the attachments are left alone: dubbo-go sends an extra null there.
function readAttachments(decoder: DecoderV2, body: Buffer): Attachments {
  if (decoder.position() >= body.length) return {};
  const value = decoder.read();
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function readFailure(frame: Frame, decoder: DecoderV2): Reply {
  let value = frame.body.length > 0 ? decoder.read() : "";
  // Envoy's own replies have a kind before the message.
  if (typeof value === "number") value = decoder.read();
  return { type: "failure", status: frame.status, message: String(value) };
}

function asString(value: unknown): string | null {
  if (value === null || typeof value === "string") return value;
  throw new DubboFormatError(`a ${typeof value} where a request has a string`);
}
