// The numbers of the Dubbo protocol, each once.
//
// Described at https://dubbo.apache.org/en/blog/2018/10/05/introduction-to-the-dubbo-protocol/;
// test/fixtures/frames shows what Dubbo Java and dubbo-go make of it.

/** First two bytes of every frame. */
export const MAGIC = 0xdabb;

/** Bytes before a frame's body. */
export const HEAD_BYTES = 16;

/** The largest body that Dubbo Java accepts unless told otherwise, in bytes. */
export const DEFAULT_MAX_BODY_BYTES = 8 * 1024 * 1024;

/** Bits of the head's third byte. */
export const Flag = {
  REQUEST: 0x80,
  TWOWAY: 0x40,
  EVENT: 0x20,
  SERIALIZATION: 0x1f,
} as const;

/** The serialization that this peer speaks. */
export const HESSIAN2 = 2;

/** What every release since 2.6 names as its dubboVersion on the wire. */
export const DUBBO_VERSION = "2.0.2";

/** The serviceVersion that Dubbo Java sends for a service that has none. */
export const NO_SERVICE_VERSION = "0.0.0";

/** Response statuses by name. */
export const Status = {
  OK: 20,
  SERIALIZATION_ERROR: 25,
  CLIENT_TIMEOUT: 30,
  SERVER_TIMEOUT: 31,
  CHANNEL_INACTIVE: 35,
  BAD_REQUEST: 40,
  BAD_RESPONSE: 50,
  SERVICE_NOT_FOUND: 60,
  SERVICE_ERROR: 70,
  SERVER_ERROR: 80,
  CLIENT_ERROR: 90,
  SERVER_THREADPOOL_EXHAUSTED_ERROR: 100,
} as const;

/** First value of a response's body with status OK: what follows it. */
export const ResponseKind = {
  EXCEPTION: 0,
  VALUE: 1,
  NULL: 2,
  EXCEPTION_WITH_ATTACHMENTS: 3,
  VALUE_WITH_ATTACHMENTS: 4,
  NULL_WITH_ATTACHMENTS: 5,
} as const;

/** Body of the event by which a provider says that it takes no new calls. */
export const READONLY_EVENT = "R";

const STATUS_NAMES = new Map<number, string>(
  Object.entries(Status).map(([name, status]) => [status, name]),
);

/** The name of a status, e.g. `BAD_REQUEST`; its number where it has no name. */
export function statusName(status: number): string {
  return STATUS_NAMES.get(status) ?? String(status);
}
