/**
 * What may be told of a call, by name: `telemetry.log.fields`.
 */
import { NAME_COUNT } from "../call/names";

/** Everything that is no name of the call; their bits follow those of `Name`. */
export const enum Field {
  SIDE,
  CALL,
  SERIALIZATION,
  STATUS,
  OUTCOME,
  CLOSED_BY,
  DURATION,
  BYTES,
  REQUEST_ID,
  TRACE_ID,
  RULE,
  POLICY,
  EXCEPTION,
  PEER,
  PRINCIPAL,
}

/** Their words in the configuration, in the order of the numbers. */
export const FIELD_WORDS =
  "side call serialization status outcome closed_by duration bytes request_id trace_id rule policy exception peer principal";

/** The bit of a field. */
// @ts-ignore: decorator
@inline
export function fieldBit(field: Field): u32 {
  return 1 << (NAME_COUNT + (field as u32));
}

/** The names of a call, all of them. */
export const ALL_NAMES: u32 = (1 << NAME_COUNT) - 1;

/**
 * What is told unless the configuration says: what costs no call to the host. An id of a request is of use
 * only to who has Dubbo's own logs beside.
 */
export const USUAL_FIELDS: u32 =
  ALL_NAMES |
  ((((1 << ((Field.EXCEPTION as u32) + 1)) - 1) & ~(1 << (Field.REQUEST_ID as u32))) << NAME_COUNT);

/**
 * What spans of calls that end alike have alike. Its trace, its duration, its bytes and its peer stand elsewhere in a
 * span, or nowhere.
 */
export const SPAN_FIELDS: u32 =
  USUAL_FIELDS &
  ~(1 << (NAME_COUNT + (Field.DURATION as u32))) &
  ~(1 << (NAME_COUNT + (Field.BYTES as u32)));
