// Values that JavaScript has no form of its own for, as hessian.js writes and reads them.
//
// Without help, a whole number becomes an int (a long above 32 bits), another number a double, a
// Date a date, a Buffer binary, an array an untyped list and an object or Map an untyped map.

import { DubboException } from "./errors.ts";

/** A value with its Java type, for hessian.js. */
export interface Typed {
  $class: string;
  $: unknown;
}

/** An instance of a Java class; its fields are sent in the order given. */
export function pojo(className: string, fields: object): Typed {
  return { $class: className, $: fields };
}

/** A Java long, also where the number would fit an int. */
export function long(value: bigint | number): Typed {
  return { $class: "long", $: String(value) };
}

/** A Java double, also where the number is whole. */
export function double(value: number): Typed {
  return { $class: "double", $: value };
}

/** Whatever a handler threw, as a Throwable that Dubbo Java and dubbo-go can read. */
export function throwable(error: unknown): Typed {
  const className =
    error instanceof DubboException ? error.className : "java.lang.RuntimeException";
  return pojo(className, {
    detailMessage: error instanceof Error ? error.message : String(error),
    cause: null,
    // Not null: Dubbo Java prints and cuts the stack trace of what it receives.
    stackTrace: { $class: "[java.lang.StackTraceElement", $: [] },
    suppressedExceptions: null,
  });
}

/**
 * The error in an exception, read once with and once without types: hessian.js loses the message of
 * an exception with the former and may lose the class with the latter. Envoy's are mere strings.
 */
export function exceptionOf(typed: unknown, plain: unknown): DubboException {
  const isTyped = typeof typed === "object" && typed !== null && "$class" in typed;
  const className = isTyped ? String(typed.$class) : "java.lang.Throwable";
  if (typeof plain !== "object" || plain === null) {
    return new DubboException(className, String(plain));
  }
  // hessian.js makes an Error of a class named …Exception, and leaves other Throwables plain.
  const fields = plain as { message?: unknown; detailMessage?: unknown };
  const message = plain instanceof Error ? fields.message : fields.detailMessage;
  return new DubboException(className, typeof message === "string" ? message : className);
}
