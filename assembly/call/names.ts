/**
 * The names by which calls are told apart: what each is called, and where each protocol finds it.
 *
 *     name         JSON, label, filter state   Dubbo                                  HTTP
 *     interface    dubbo_interface             path in the head, attachment `path`    :path
 *     method       dubbo_method                in the head; $invoke: its argument     :path
 *     version      dubbo_version               serviceVersion, attachment `version`   tri-service-version
 *     group        dubbo_group                 attachment `group`                     tri-service-group
 *     application  dubbo_application           attachment `remote.application`        tri-consumer-appname
 *
 * A further name is an arm of the enum, a word in the list, and what fills it in connection/served.ts and
 * http/call_start.ts.
 */

export const enum Name {
  INTERFACE,
  METHOD,
  VERSION,
  GROUP,
  APPLICATION,
}

/** How many there are; a series keeps the lengths of at most seven, and a rule's, in one number, see series.ts. */
export const NAME_COUNT: u32 = 5;

/**
 * What they are called in configuration (`metrics.labels`, `match`, `from_invocation`), after `dubbo_`
 * as labels, and after `dubbo.` as filter state.
 */
export const NAME_WORDS = "interface method version group application";

/** The names of a call's head, which are known without attachments. */
export const HEAD_NAMES: u32 =
  (1 << (Name.INTERFACE as u32)) | (1 << (Name.METHOD as u32)) | (1 << (Name.VERSION as u32));

/** A set of names: one bit for each. */
// @ts-ignore: decorator
@inline
export function bitOf(name: u32): u32 {
  return 1 << name;
}
