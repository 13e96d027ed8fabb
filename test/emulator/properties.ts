// Properties that `proxy_get_property` answers, as Envoy serialises them for a module.

/** A property's value: text and bytes as they are, numbers as int64, booleans as one byte. */
export type PropertyValue = string | number | bigint | boolean | Uint8Array;

/** Values by path; the parts of a path are joined with NUL, see `propertyPath`. */
export type PropertyValues = Record<string, PropertyValue>;

/** The key of a property: `propertyPath("xds", "listener_direction")`. */
export function propertyPath(...parts: string[]): string {
  return parts.join("\0");
}

function serialise(value: PropertyValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (typeof value === "boolean") return Uint8Array.of(value ? 1 : 0);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes;
}

/** The properties of one context, with those of its parent behind them. */
export class Properties {
  readonly #values = new Map<string, Uint8Array>();
  readonly #parent: Properties | null;

  constructor(values: PropertyValues, parent: Properties | null) {
    this.#parent = parent;
    for (const [path, value] of Object.entries(values)) this.set(path, value);
  }

  set(path: string, value: PropertyValue): void {
    this.#values.set(path, serialise(value));
  }

  /** The serialised value, or undefined where Envoy answers NotFound. */
  get(path: string): Uint8Array | undefined {
    return this.#values.get(path) ?? this.#parent?.get(path);
  }
}
