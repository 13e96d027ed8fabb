// Documents with a `routing` part, good and bad ones; of these what is wrong, as the module says it.

/** A rule, or a part of one, as a whole document. */
const rule = (one: unknown): unknown => ({ routing: { rules: [one] } });
const match = (one: unknown): unknown => rule({ match: one });
const attachment = (one: unknown): unknown => match({ attachments: [one] });
const set = (one: unknown): unknown => rule({ attachments: { set: [one] } });
const split = (one: unknown): unknown => rule({ split: one });
const addresses = (...all: unknown[]): unknown => match({ source: { addresses: all } });

const LONG = "x".repeat(200);
export const GOOD: unknown[] = [
  { routing: {} },
  { routing: { protected: [], rules: [], filter_state: true, max_rewrite_bytes: 1024 } },
  { routing: { protected: ["a", LONG, "!~"], max_rewrite_bytes: 16777216 } },
  { routing: { protected: Array.from({ length: 100 }, (_, i) => `k${i}`) } },
  { routing: { rules: Array.from({ length: 1000 }, () => ({})) } },
  rule({}),
  rule({ name: LONG, cluster: LONG, match: {}, attachments: {} }),
  match({ interface: { exact: "" }, method: { prefix: "a" }, version: { suffix: "b" } }),
  match({ group: { exact: "x".repeat(1024) }, side: "provider", source: {}, attachments: [] }),
  ...["exact", "prefix", "suffix"].map((kind) => attachment({ name: "a", [kind]: "b" })),
  attachment({ name: "a", present: true }),
  attachment({ name: "a", absent: true }),
  match({ source: { labels: [{ name: "a b", exact: "" }], addresses: [] } }),
  addresses("10.0.0.0/8", "1.2.3.4", "0.0.0.0/0", "::/0", "::1", "2001:db8::/128"),
  addresses("::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "1::8/16", "fe80::/10"),
  set({ name: "a", value: "x".repeat(1024) }),
  set({ name: "a", from_node: "LABELS.version" }),
  ...["interface", "method", "version", "group", "application"].map((from_invocation) =>
    set({ name: "a", from_invocation }),
  ),
  rule({ attachments: { remove: ["a", "a"] } }),
  split({ choices: [{ weight: 1 }] }),
  split({ choices: [{ weight: 0 }, { weight: 100000, attachments: {} }] }),
  split({
    hash_on: { attachment: "a" },
    choices: Array.from({ length: 100 }, () => ({ weight: 1 })),
  }),
];

const R = "$.routing";
const RULE = `${R}.rules[0]`;
const M = `${RULE}.match`;
const KEY = "1 to 200 printable ASCII characters without spaces";
const ONE_TEXT = "an object with one of exact, prefix, suffix";
const ONE_SET = "an object with a name and one of value, from_node, from_invocation";
const ONE_ATTACHMENT = "one of exact, prefix, suffix, present: true, absent: true";
export const NETWORK = "an address or a network";
const upTo = (count: number): string => `a string of at most ${count} characters`;
const oneTo = (count: number): string => `a string of 1 to ${count} characters`;
const most = (count: number): string => `a list of at most ${count} elements`;
const keys = (...all: string[]): string => `one of the keys ${all.join(", ")}`;
const between = (from: number, to: number): string => `a whole number from ${from} to ${to}`;

/** Documents with the path of what is wrong, its value as it is shown, and what was expected. */
export const BAD: [unknown, string, string, string][] = [
  [{ routing: [] }, R, "a list", "an object"],
  [{ routing: null }, R, "null", "an object"],
  [
    { routing: { rule: 1 } },
    `${R}.rule`,
    "1",
    keys("protected", "max_rewrite_bytes", "filter_state", "rules"),
  ],
  [{ routing: { protected: "a" } }, `${R}.protected`, '"a"', most(100)],
  [{ routing: { protected: ["a", "b c"] } }, `${R}.protected[1]`, '"b c"', KEY],
  [{ routing: { protected: [""] } }, `${R}.protected[0]`, '""', KEY],
  [{ routing: { protected: ["ü"] } }, `${R}.protected[0]`, '"ü"', KEY],
  [{ routing: { protected: [5] } }, `${R}.protected[0]`, "5", KEY],
  [{ routing: { protected: [`${LONG}x`] } }, `${R}.protected[0]`, `"${LONG.slice(0, 60)}…"`, KEY],
  [{ routing: { protected: Array(101).fill("a") } }, `${R}.protected`, "a list", most(100)],
  [
    { routing: { max_rewrite_bytes: 1023 } },
    `${R}.max_rewrite_bytes`,
    "1023",
    between(1024, 16777216),
  ],
  [
    { routing: { max_rewrite_bytes: 16777217 } },
    `${R}.max_rewrite_bytes`,
    "16777217",
    between(1024, 16777216),
  ],
  [
    { routing: { max_rewrite_bytes: "1M" } },
    `${R}.max_rewrite_bytes`,
    '"1M"',
    between(1024, 16777216),
  ],
  [{ routing: { filter_state: 1 } }, `${R}.filter_state`, "1", "true or false"],
  [{ routing: { rules: {} } }, `${R}.rules`, "an object", most(1000)],
  [{ routing: { rules: Array(1001).fill({}) } }, `${R}.rules`, "a list", most(1000)],
  [{ routing: { rules: [{}, 5] } }, `${R}.rules[1]`, "5", "an object"],
  [
    rule({ matches: {} }),
    `${RULE}.matches`,
    "an object",
    keys("name", "match", "attachments", "split", "cluster"),
  ],
  [rule({ name: "" }), `${RULE}.name`, '""', oneTo(200)],
  [rule({ name: 5 }), `${RULE}.name`, "5", oneTo(200)],
  [rule({ cluster: `${LONG}x` }), `${RULE}.cluster`, `"${LONG.slice(0, 60)}…"`, oneTo(200)],
  [match([]), M, "a list", "an object"],
  [
    match({ path: {} }),
    `${M}.path`,
    "an object",
    keys("interface", "method", "version", "group", "application", "attachments", "source", "side"),
  ],
  [match({ method: "Get" }), `${M}.method`, '"Get"', "an object"],
  [match({ method: {} }), `${M}.method`, "an object", ONE_TEXT],
  [match({ method: { exact: "a", prefix: "b" } }), `${M}.method`, "an object", ONE_TEXT],
  [
    match({ method: { regex: ".*" } }),
    `${M}.method.regex`,
    '".*"',
    keys("exact", "prefix", "suffix"),
  ],
  [match({ group: { exact: 5 } }), `${M}.group.exact`, "5", upTo(1024)],
  [
    match({ group: { exact: "x".repeat(1025) } }),
    `${M}.group.exact`,
    `"${LONG.slice(0, 60)}…"`,
    upTo(1024),
  ],
  [match({ side: "auto" }), `${M}.side`, '"auto"', "one of consumer, provider"],
  [attachment({ exact: "a" }), `${M}.attachments[0]`, "an object", "an object with a name"],
  [attachment({ name: "a" }), `${M}.attachments[0]`, "an object", ONE_TEXT],
  [attachment({ name: "a b", exact: "" }), `${M}.attachments[0].name`, '"a b"', KEY],
  [attachment({ name: "a", present: false }), `${M}.attachments[0]`, "an object", ONE_ATTACHMENT],
  [
    attachment({ name: "a", present: true, absent: true }),
    `${M}.attachments[0]`,
    "an object",
    ONE_ATTACHMENT,
  ],
  [
    attachment({ name: "a", present: true, exact: "b" }),
    `${M}.attachments[0]`,
    "an object",
    ONE_ATTACHMENT,
  ],
  [
    attachment({ name: "a", absent: "yes" }),
    `${M}.attachments[0].absent`,
    '"yes"',
    "true or false",
  ],
  [
    match({ source: { ip: [] } }),
    `${M}.source.ip`,
    "a list",
    keys("labels", "addresses", "ip_blocks", "principals", "namespaces"),
  ],
  ...[
    "",
    "10.0.0.0/33",
    "10.0.0",
    "10.0.0.256",
    "10.0.0.0/",
    "::1/129",
    ":::",
    "1:2:3:4:5:6:7",
    "12345::",
    "1.2.3.4.5",
    "a",
    "::1::",
    "fe80::1%eth0",
    "1:2:3:4:5:6:7:8:9",
    "10.0.0.0/8/8",
    " ::1",
  ].map((text): [unknown, string, string, string] => [
    addresses("::1", text),
    `${M}.source.addresses[1]`,
    JSON.stringify(text),
    NETWORK,
  ]),
  [addresses(5), `${M}.source.addresses[0]`, "5", NETWORK],
  [
    match({ source: { labels: [{ exact: "a" }] } }),
    `${M}.source.labels[0]`,
    "an object",
    "an object with a name",
  ],
  [match({ source: { labels: [{ name: "a" }] } }), `${M}.source.labels[0]`, "an object", ONE_TEXT],
  [
    match({ source: { labels: [{ name: "", exact: "b" }] } }),
    `${M}.source.labels[0].name`,
    '""',
    oneTo(200),
  ],
  [rule({ attachments: { add: [] } }), `${RULE}.attachments.add`, "a list", keys("set", "remove")],
  [rule({ attachments: { remove: [{}] } }), `${RULE}.attachments.remove[0]`, "an object", KEY],
  [set({ name: "a" }), `${RULE}.attachments.set[0]`, "an object", ONE_SET],
  [set({ value: "a" }), `${RULE}.attachments.set[0]`, "an object", ONE_SET],
  [
    set({ name: "a", value: "b", from_node: "c" }),
    `${RULE}.attachments.set[0]`,
    "an object",
    ONE_SET,
  ],
  [set({ name: "a b", value: "b" }), `${RULE}.attachments.set[0].name`, '"a b"', KEY],
  [set({ name: "a", value: "" }), `${RULE}.attachments.set[0].value`, '""', oneTo(1024)],
  [set({ name: "a", value: 5 }), `${RULE}.attachments.set[0].value`, "5", oneTo(1024)],
  [set({ name: "a", from_node: "" }), `${RULE}.attachments.set[0].from_node`, '""', oneTo(200)],
  [
    set({ name: "a", from_invocation: "path" }),
    `${RULE}.attachments.set[0].from_invocation`,
    '"path"',
    "one of interface, method, version, group, application",
  ],
  [
    set({ name: "a", from: "path" }),
    `${RULE}.attachments.set[0].from`,
    '"path"',
    keys("name", "value", "from_node", "from_invocation"),
  ],
  [split({}), `${RULE}.split`, "an object", "choices with a weight above 0"],
  [split({ choices: [] }), `${RULE}.split`, "an object", "choices with a weight above 0"],
  [
    split({ choices: [{ weight: 0 }] }),
    `${RULE}.split`,
    "an object",
    "choices with a weight above 0",
  ],
  [split({ choices: [{}] }), `${RULE}.split.choices[0]`, "an object", "an object with a weight"],
  [
    split({ choices: [{ weight: 1 }, { weight: -1 }] }),
    `${RULE}.split.choices[1].weight`,
    "-1",
    between(0, 100000),
  ],
  [
    split({ choices: [{ weight: 1.5 }] }),
    `${RULE}.split.choices[0].weight`,
    "1.5",
    between(0, 100000),
  ],
  [
    split({ choices: [{ weight: 100001 }] }),
    `${RULE}.split.choices[0].weight`,
    "100001",
    between(0, 100000),
  ],
  [
    split({ choices: Array(101).fill({ weight: 1 }) }),
    `${RULE}.split.choices`,
    "a list",
    most(100),
  ],
  [
    split({ hash_on: {}, choices: [{ weight: 1 }] }),
    `${RULE}.split.hash_on`,
    "an object",
    "an object with an attachment",
  ],
  [
    split({ hash_on: "user", choices: [{ weight: 1 }] }),
    `${RULE}.split.hash_on`,
    '"user"',
    "an object",
  ],
  [
    split({ hash_on: { attachment: " " }, choices: [{ weight: 1 }] }),
    `${RULE}.split.hash_on.attachment`,
    '" "',
    KEY,
  ],
];
