// The words that configurations and frames of the fuzzer share: rules are only met, and protected keys
// only spoofed, where both speak of the same things.

/** Keys of attachments that rules set, remove, ask for and protect. */
export const KEYS: readonly string[] = [
  "dubbo-route",
  "source-version",
  "timeout",
  "retries",
  "user-id",
  "End-User",
  "remote.application",
  "k",
];

/** Values of such attachments. */
export const VALUES: readonly string[] = ["v1", "v2", "jason", "3000", "blue", "x".repeat(40)];

export const INTERFACES: readonly string[] = [
  "com.k8s.User.UserProvider",
  "com.k8s.Order.OrderProvider",
  "org.apache.dubbo.demo.GreetService",
  "a",
];

export const METHODS: readonly string[] = ["GetUser", "SetOrder", "echo", "m"];

export const VERSIONS: readonly string[] = ["0.0.0", "1.0.0", "2.1", ""];

export const GROUPS: readonly string[] = ["blue", "green", "b"];

/** Addresses of clients, and one that is none; see `IN_NETWORK`. */
export const ADDRESSES: readonly string[] = ["10.1.2.3:40000", "192.168.7.7:1", "[::1]:9", "pipe"];

/** A network, and those of the addresses that lie in it. */
export const NETWORK = "10.0.0.0/8";
export const IN_NETWORK: readonly string[] = ["10.1.2.3:40000"];

/** The node's label that rules may ask for, and its value. */
export const NODE_LABEL = { name: "version", value: "v2" } as const;
