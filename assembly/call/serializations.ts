/**
 * What serializations are called: label `dubbo_serialization`.
 *
 * Source: org.apache.dubbo.common.serialize.Constants of Dubbo 2.7.23, 3.2.16 and 3.3.6 (the ids are
 * `…_SERIALIZATION_ID`); 17 and 24 were never given out there. dubbo-go 3.3.2 knows 2, and 21 for its
 * own protobuf (common/constant/serialization.go).
 */
import { JSON_TEXT } from "../dubbo/tables";

/** Their names in the order of their ids; `unknown` where Dubbo never gave the id out. */
export const SERIALIZATION_WORDS =
  "unknown unknown hessian2 java compactedjava unknown fastjson nativejava kryo fst native-hessian avro protostuff unknown unknown unknown gson unknown jackson unknown unknown protobuf-json protobuf fastjson2 unknown kryo2 unknown msgpack fury unknown unknown custom-message-pack json";

/** The ids that have a name: a bit for each. */
const NAMED: u64 =
  (1 << 2) |
  (1 << 3) |
  (1 << 4) |
  (0x7f << 6) |
  (1 << 16) |
  (1 << 18) |
  (7 << 21) |
  (1 << 25) |
  (3 << 27) |
  (1 << 31) |
  ((<u64>1) << JSON_TEXT);

/** `id`, or 0 where it has no name; so that counters do not grow with numbers. */
// @ts-ignore: decorator
@inline
export function knownSerialization(id: u32): u32 {
  return ((NAMED >> id) & 1) != 0 ? id : 0;
}
