/**
 * Every metric, a row each: what recorder.ts carries out, and what the manual's tables, `stats_tags` and
 * `extraStatTags` are checked against (test/tables/definitions.test.ts).
 *
 * The ABI has no labels, so they are written into the metric's name and Envoy's `stats_tags` cut them
 * out again:
 *
 *     dubbo_interface=.=com.k8s.User.UserProvider;.;dubbo_method=.=GetUser;.; … dubbo_requests_total
 *
 * with one regex `(T=\.=(.*?);\.;)` for each label T (Envoy's and Istio's own convention, see
 * `extraStatTags` in Istio's mesh configuration). The regexes are not anchored: no label's name may be
 * the end of another's, and no value may hold `;.;`.
 */
import { SERIALIZATION_WORDS } from "../call/serializations";
import { DUBBO_STATUS_WORDS, GRPC_STATUS_WORDS } from "../call/statuses";
import {
  CALL_NAMES,
  CLOSED_BY_NAMES,
  DIRECTION_NAMES,
  DROP_NAMES,
  EVENT_NAMES,
  OBSTACLE_NAMES,
  OUTCOME_NAMES,
  Protocol,
  REASON_NAMES,
  RECORD_NAMES,
  REFUSAL_NAMES,
} from "../call/vocabulary";

/** Every metric; a cell's key has it in its low byte. */
export const enum Metric {
  REQUESTS,
  RESPONSES,
  DURATION,
  REQUESTS_ACTIVE,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  UNANSWERED,
  UNTRACKED,
  UNMATCHED_RESPONSES,
  EVENTS,
  DECODE_ERRORS,
  CONNECTIONS,
  CONNECTIONS_ACTIVE,
  UNUSED_CONNECTIONS,
  PASSTHROUGH_CONNECTIONS,
  ROUTED,
  UNREWRITTEN,
  REFUSED_CONNECTIONS,
  MISROUTED,
  UNROUTED_CONNECTIONS,
  GUARDED,
  PATH_MISMATCHES,
  REFUSED_REQUESTS,
  SHADOW_REFUSED,
  LIMITED_ALLOWED,
  DELAYED,
  SHADOW_DELAYED,
  TELEMETRY_EXPORTED,
  TELEMETRY_DROPPED,
}

/**
 * The rows in the order of `Metric`: the name after `dubbo_` (a histogram's ends with its unit, which
 * the configuration says), the type, and the two labels whose values are a cell's numbers.
 */
export const METRICS = `
requests_total counter call serialization
responses_total counter status outcome
request_duration_ histogram - -
requests_active gauge - -
request_bytes_total counter - -
response_bytes_total counter - -
unanswered_requests_total counter closed_by -
untracked_requests_total counter - -
unmatched_responses_total counter direction -
events_total counter kind direction
decode_errors_total counter reason -
connections_total counter - -
connections_active gauge - -
unused_connections_total counter closed_by -
passthrough_connections_total counter - -
routed_requests_total counter - -
unrewritten_requests_total counter obstacle -
refused_connections_total counter obstacle -
misrouted_requests_total counter - -
unrouted_connections_total counter - -
guarded_requests_total counter - -
path_mismatches_total counter - -
refused_requests_total counter refusal policy
shadow_refused_requests_total counter refusal policy
limit_allowed_requests_total counter policy -
delayed_requests_total counter policy -
shadow_delayed_requests_total counter policy -
telemetry_exported_total counter record -
telemetry_dropped_total counter drop record
`;

/** Words of a row. */
export const ROW_WORDS: u32 = 4;

/** The labels of rows, and after `dubbo_` what each is called: two rows may differ in their values only. */
export const LABELS = `
call call
serialization serialization
status status
outcome outcome
closed_by closed_by
kind kind
direction direction
reason reason
obstacle reason
refusal reason
policy policy
record record
drop reason
`;

/** The place of a label's row in `LABELS`. */
export const enum Label {
  CALL,
  SERIALIZATION,
  STATUS,
  OUTCOME,
  CLOSED_BY,
  KIND,
  DIRECTION,
  REASON,
  OBSTACLE,
  REFUSAL,
  POLICY,
  RECORD,
  DROP,
}

/** The words for the values of a label, in the order of their numbers. */
export function valuesOf(label: u32, protocol: Protocol): string {
  switch (label) {
    case Label.CALL:
      return CALL_NAMES;
    case Label.SERIALIZATION:
      return SERIALIZATION_WORDS;
    case Label.STATUS:
      return protocol == Protocol.DUBBO ? DUBBO_STATUS_WORDS : GRPC_STATUS_WORDS;
    case Label.OUTCOME:
      return OUTCOME_NAMES;
    case Label.CLOSED_BY:
      return CLOSED_BY_NAMES;
    case Label.KIND:
      return EVENT_NAMES;
    case Label.DIRECTION:
      return DIRECTION_NAMES;
    case Label.REASON:
      return REASON_NAMES;
    case Label.REFUSAL:
      return REFUSAL_NAMES;
    case Label.RECORD:
      return RECORD_NAMES;
    case Label.DROP:
      return DROP_NAMES;
    default:
      return OBSTACLE_NAMES;
  }
}
