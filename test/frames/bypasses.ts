// Ways past an authorization that were tried: what a caller sends who may only call GetUser of the user service,
// not in the group "canary" and not in version 2.0.0, and wants more.
//
// ../module/policy/bypasses.test.ts cuts each of them at every place, ../peers/bypasses.test.ts sends them to real
// providers. docs/policies.md has the list.

import { fastjson2, jsonb } from "./fastjson2.ts";
import { concat, frame, Flag, heartbeat, request, response, type Value } from "./frames.ts";
import { hessian2, hessianString } from "./hessian2.ts";

export const USERS = "com.k8s.User.UserProvider";
export const ORDERS = "com.k8s.Order.OrderProvider";
/** The id of the request that is refused, or of the first of several. */
export const BYPASS_ID = 71;
/** Answered by the peers of the tests with what they have of the call. */
const ECHO = "echo";

/** Providers at which a way leads to what is forbidden, if nothing stands in between. */
export type Led = "Dubbo Java 3.3.6" | "dubbo-go";

export interface Bypass {
  name: string;
  /** The whole stream. */
  bytes: Uint8Array;
  /** Frames of it that may go on as they are. */
  allowed?: Uint8Array[];
  /** Ids that are refused; that of the first frame unless given. */
  refused?: number[];
  /** Whether the connection is closed in the place of a refusal. */
  closes?: boolean;
  leads: Led[];
}

/** Policies by which the ways are denied, and such by which they are not allowed: all are tried against both. */
export const NO_WRITES: object[] = [
  { name: "no-writes", match: { method: { exact: "SetUser" } }, authorize: "deny" },
  { name: "no-orders", match: { interface: { exact: ORDERS } }, authorize: "deny" },
  { name: "no-canary", match: { group: { exact: "canary" } }, authorize: "deny" },
];
export const ONLY_GET: object[] = [
  {
    name: "readers",
    match: {
      interface: { exact: USERS },
      method: { exact: "GetUser" },
      version: { exact: "0.0.0" },
      group: { exact: "" },
    },
    authorize: "allow",
  },
];

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const TEXT = "Ljava/lang/String;";
const USER = "Lcom/k8s/User/User;";
const GENERIC = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;";

/** A call that may be made, with an id of its own. */
export const plain = (id: number): Uint8Array => request({ id, args: ["A0"] });

/** A user: a class definition with two fields, and the object. */
const user = concat([
  bytes(0x43),
  ...["com.k8s.User.User"].map(hessianString),
  bytes(0x92),
  ...["id", "name"].map(hessianString),
  bytes(0x60),
  ...["A0", "x"].map(hessianString),
]);
/** The same as fastjson2's object. */
const userJson = jsonb({ id: "A0", name: "x" });

/** SetUser, plainly. */
const set = (over: object = {}): Uint8Array =>
  request({ id: BYPASS_ID, method: "SetUser", desc: USER, args: [user], ...over });

/** A list of texts, or of objects. */
const list = (type: string, ...values: Value[]): Uint8Array =>
  concat([bytes(0x70 + values.length), hessianString(type), ...values.map(hessian2)]);

/** A generic call of `method` with one text; `extra` are further attachments. */
function generic(
  method: Value,
  extra: Record<string, Value> = {},
  over: object = {},
  argument: Value = "A0",
  type = "java.lang.String",
): Uint8Array {
  return request({
    id: BYPASS_ID,
    method: "$invoke",
    desc: GENERIC,
    args: [method, list("[string", type), list("[object", argument)],
    extraAttachments: { generic: "true", ...extra },
    ...over,
  });
}

/** A generic SetUser. */
const genericSet = (method: Value = "SetUser", extra: Record<string, Value> = {}, over = {}) =>
  generic(method, extra, over, { id: "A0", name: "x" }, "com.k8s.User.User");

/** GetUser with these attachments, as they stand; answered with what the provider has. */
function attached(...entries: Uint8Array[]): Uint8Array {
  const head = ["2.0.2", USERS, "0.0.0", "GetUser", TEXT, ECHO].map(hessianString);
  const attachments = concat([bytes(0x48), ...entries, bytes(0x5a)]);
  return request({ id: BYPASS_ID, body: concat([...head, attachments]) });
}
const entry = (key: Value, value: Value): Uint8Array => concat([hessian2(key), hessian2(value)]);
const CANARY = [entry("path", USERS), entry("interface", USERS), entry("version", "2.0.0")];
/** A text in two pieces. */
const pieces = (a: string, b: string): Uint8Array =>
  concat([bytes(0x52, 0, a.length), ascii(a), bytes(b.length), ascii(b)]);
/** A text whose first character takes two bytes, where one is enough. */
const overlong = (text: string): Uint8Array => {
  const first = text.charCodeAt(0);
  return concat([
    bytes(text.length, 0xc0 | (first >> 6), 0x80 | (first & 0x3f)),
    ascii(text.slice(1)),
  ]);
};

/** A hessian2 request with these strings at its head. */
function headed(path: Uint8Array, method: Uint8Array, rest: Uint8Array): Uint8Array {
  const version = hessianString("0.0.0");
  const body = concat([hessianString("2.0.2"), path, version, method, rest]);
  return request({ id: BYPASS_ID, body });
}
const attachments = hessian2({ path: USERS, interface: USERS });
const setRest = concat([hessianString(USER), user, attachments]);

/** A fastjson2 request; values that are bytes are JSONB. */
function json(method: Value, attachmentsObject: Uint8Array, desc = USER, args = userJson) {
  const head: Value[] = ["2.0.2", USERS, "0.0.0", method, desc, args, attachmentsObject];
  const body = concat(head.map((value) => fastjson2(value)));
  return request({ id: BYPASS_ID, serialization: "fastjson2", body });
}
const object = (...entries: Uint8Array[]): Uint8Array =>
  concat([bytes(0xa6), ...entries, bytes(0xa5)]);
const jsonEntry = (key: Value, value: Value): Uint8Array => concat([jsonb(key), jsonb(value)]);
const SERVED = [jsonEntry("path", USERS), jsonEntry("interface", USERS)];

const BOTH: Led[] = ["Dubbo Java 3.3.6", "dubbo-go"];
const JAVA: Led[] = ["Dubbo Java 3.3.6"];
const GO: Led[] = ["dubbo-go"];
const flag = (of: Uint8Array, value: number): Uint8Array => {
  const other = of.slice();
  other[2] = value;
  return other;
};

/** All that were tried. */
export const BYPASSES: Bypass[] = [
  { name: "the method itself", bytes: set(), leads: BOTH },
  {
    name: "one-way, without an answer",
    bytes: set({ twoway: false }),
    refused: [],
    leads: BOTH,
  },
  // Who serves it.
  {
    name: "the attachment path names another service",
    bytes: generic("GetOrder", { path: ORDERS, version: "1.0.0", group: "blue" }),
    leads: BOTH,
  },
  {
    name: "the head names another service than the attachment path",
    bytes: request({
      id: BYPASS_ID,
      path: ORDERS,
      version: "1.0.0",
      method: "GetOrder",
      attachments: { path: USERS, interface: USERS },
    }),
    leads: [],
  },
  {
    name: "the attachment interface names another service",
    bytes: request({
      id: BYPASS_ID,
      method: "GetOrder",
      version: "1.0.0",
      attachments: { interface: ORDERS, version: "1.0.0", group: "blue" },
    }),
    leads: GO,
  },
  {
    name: "the attachment path twice, the last one another",
    bytes: headed(
      hessianString(USERS),
      hessianString("$invoke"),
      concat([
        hessianString(GENERIC),
        hessianString("GetOrder"),
        list("[string", "java.lang.String"),
        list("[object", "A0"),
        bytes(0x48),
        entry("path", USERS),
        entry("path", ORDERS),
        entry("version", "1.0.0"),
        entry("group", "blue"),
        entry("generic", "true"),
        bytes(0x5a),
      ]),
    ),
    leads: BOTH,
  },
  {
    name: "the group twice, the last one another",
    bytes: attached(...CANARY, entry("group", "x"), entry("group", "canary")),
    leads: JAVA,
  },
  {
    name: "the group, and behind it one in capitals",
    bytes: attached(
      ...CANARY.slice(0, 2),
      entry("group", "canary"),
      entry("Group", "x"),
      CANARY[2]!,
    ),
    leads: JAVA,
  },
  {
    name: "the version of an attachment over the head's",
    bytes: attached(...CANARY, entry("group", "canary")),
    leads: JAVA,
  },
  {
    name: "the key group in pieces",
    bytes: attached(...CANARY, concat([pieces("gro", "up"), hessianString("canary")])),
    leads: JAVA,
  },
  {
    name: "the key group with more bytes than it needs",
    bytes: attached(...CANARY, concat([overlong("group"), hessianString("canary")])),
    leads: JAVA,
  },
  {
    name: "attachments in a typed map",
    bytes: headed(
      hessianString(USERS),
      hessianString("GetUser"),
      concat([
        ...[TEXT, ECHO].map(hessianString),
        bytes(0x4d),
        hessianString("java.util.TreeMap"),
        ...CANARY,
        entry("group", "canary"),
        bytes(0x5a),
      ]),
    ),
    leads: JAVA,
  },
  {
    name: "attachments that refer to an argument",
    bytes: headed(
      hessianString(USERS),
      hessianString("GetUser"),
      concat([
        hessianString("Ljava/util/Map;"),
        hessian2({ path: ORDERS, interface: ORDERS, version: "1.0.0", group: "blue" }),
        bytes(0x51, 0x90),
      ]),
    ),
    leads: [],
  },
  // Which method runs.
  { name: "$invoke", bytes: genericSet(), leads: BOTH },
  {
    name: "$invokeAsync",
    bytes: genericSet("SetUser", {}, { method: "$invokeAsync" }),
    leads: BOTH,
  },
  { name: "$invoke with spaces around the method", bytes: genericSet(" SetUser "), leads: JAVA },
  {
    name: "$invoke with a control character behind the method",
    bytes: genericSet("SetUser\u0001"),
    leads: JAVA,
  },
  {
    name: "$invoke with 2,000 spaces in front of the method",
    bytes: genericSet(
      concat([bytes(0x52, 2000 >> 8, 2000 & 0xff), ascii(" ".repeat(2000)), hessian2("SetUser")]),
    ),
    leads: JAVA,
  },
  {
    name: "$invoke with a class in front of the method",
    bytes: genericSet(
      concat([bytes(0x43), hessianString("a.B"), bytes(0x90), hessianString("SetUser")]),
    ),
    leads: JAVA,
  },
  {
    name: "$invoke of a method in pieces",
    bytes: genericSet(pieces("Set", "User")),
    leads: BOTH,
  },
  {
    name: "$invoke of a method with more bytes than it needs",
    bytes: genericSet(overlong("SetUser")),
    leads: JAVA,
  },
  { name: "$invoke, raw", bytes: genericSet("SetUser", { generic: "raw.return" }), leads: BOTH },
  { name: "$invoke, bean", bytes: genericSet("SetUser", { generic: "bean" }), leads: GO },
  { name: "$invoke, gson", bytes: genericSet("SetUser", { generic: "gson" }), leads: [] },
  {
    name: "$invoke, nativejava",
    bytes: genericSet("SetUser", { generic: "nativejava" }),
    leads: GO,
  },
  {
    name: "$invoke without a descriptor",
    bytes: genericSet("SetUser", {}, { desc: "" }),
    leads: [],
  },
  {
    name: "$echo of another service",
    bytes: request({
      id: BYPASS_ID,
      method: "$echo",
      desc: "Ljava/lang/Object;",
      args: ["A0"],
      extraAttachments: { path: ORDERS, version: "1.0.0", group: "blue" },
    }),
    leads: BOTH,
  },
  {
    name: "the method with a small first letter",
    bytes: set({ method: "setUser" }),
    leads: GO,
  },
  {
    name: "$invoke of the method with a small first letter",
    bytes: genericSet("setUser"),
    leads: GO,
  },
  {
    name: "a head in pieces",
    bytes: headed(pieces("com.k8s.User", ".UserProvider"), pieces("Set", "User"), setRest),
    leads: BOTH,
  },
  {
    name: "a head with more bytes than it needs",
    bytes: headed(hessianString(USERS), overlong("SetUser"), setRest),
    leads: JAVA,
  },
  // fastjson2.
  { name: "fastjson2", bytes: json("SetUser", object(...SERVED)), leads: JAVA },
  {
    name: "fastjson2, a method in UTF-16",
    bytes: json(
      concat([bytes(0x7d, 14), Buffer.from("SetUser", "utf16le").swap16()]),
      object(...SERVED),
    ),
    leads: JAVA,
  },
  {
    name: "fastjson2, a symbol as method",
    bytes: json(concat([bytes(0x7f), jsonb("SetUser"), bytes(1)]), object(...SERVED)),
    leads: [],
  },
  {
    name: "fastjson2, a symbol as key",
    bytes: json(
      "GetUser",
      object(
        ...SERVED,
        jsonEntry("version", "2.0.0"),
        concat([bytes(0x7f), jsonb("group"), bytes(1)]),
        jsonb("canary"),
      ),
      TEXT,
      jsonb(ECHO),
    ),
    leads: JAVA,
  },
  {
    name: "fastjson2, a key with its type",
    bytes: json(
      "GetUser",
      object(
        ...SERVED,
        jsonEntry("version", "2.0.0"),
        concat([bytes(0x92), jsonb("java.lang.String"), bytes(0), jsonb("group")]),
        jsonb("canary"),
      ),
      TEXT,
      jsonb(ECHO),
    ),
    leads: JAVA,
  },
  // What cannot be read, and what is no call.
  {
    name: "another serialization",
    bytes: request({ id: BYPASS_ID, serialization: "java", body: bytes(0xac, 0xed, 0, 5) }),
    leads: [],
  },
  {
    name: "a head behind 100,000 bytes",
    bytes: headed(hessianString(USERS), hessianString("x".repeat(100_000)), setRest),
    leads: [],
  },
  {
    name: "an argument of 1.2 MB",
    bytes: set({ desc: `${USER}${TEXT}`, args: [user, "x".repeat(1_200_000)] }),
    leads: [],
  },
  {
    name: "a heartbeat with the body of a call",
    bytes: flag(set(), Flag.request | Flag.twoway | Flag.event | 2),
    allowed: [flag(set(), Flag.request | Flag.twoway | Flag.event | 2)],
    refused: [],
    leads: [],
  },
  {
    name: "an answer with the body of a call",
    bytes: flag(set(), 2),
    allowed: [flag(set(), 2)],
    refused: [],
    leads: [],
  },
  {
    name: "a call behind the body of another, in its frame",
    bytes: request({ id: 72, body: concat([plain(72).subarray(16), set()]) }),
    allowed: [request({ id: 72, body: concat([plain(72).subarray(16), set()]) })],
    refused: [],
    leads: [],
  },
  {
    name: "a length that ends in the middle of the call",
    bytes: concat([frame({ flag: 0xc2, id: BYPASS_ID, length: 40 }, set().subarray(16))]),
    refused: [BYPASS_ID],
    closes: true,
    leads: [],
  },
  {
    name: "a length below zero",
    bytes: frame({ flag: 0xc2, id: BYPASS_ID, length: 0xffffffff }, set().subarray(16)),
    refused: [],
    closes: true,
    leads: [],
  },
  {
    name: "telnet",
    bytes: ascii(`invoke ${USERS}.SetUser({"id":"A0"})\r\n`),
    refused: [],
    closes: true,
    leads: [],
  },
  {
    name: "telnet behind a call that may be made",
    bytes: concat([plain(72), ascii(`invoke ${USERS}.SetUser({"id":"A0"})\r\n`)]),
    allowed: [plain(72)],
    refused: [],
    closes: true,
    leads: [],
  },
  // Among others.
  {
    name: "between calls that may be made",
    bytes: concat([plain(72), set(), heartbeat({ id: 5 }), plain(73)]),
    allowed: [plain(72), heartbeat({ id: 5 }), plain(73)],
    leads: BOTH,
  },
  {
    name: "with the id of a call that may be made",
    bytes: concat([plain(BYPASS_ID), set(), plain(BYPASS_ID)]),
    allowed: [plain(BYPASS_ID), plain(BYPASS_ID)],
    leads: BOTH,
  },
  {
    name: "its id again, until it is let through",
    bytes: concat([set(), set(), set(), plain(BYPASS_ID), set()]),
    allowed: [plain(BYPASS_ID)],
    refused: [BYPASS_ID, BYPASS_ID, BYPASS_ID, BYPASS_ID],
    leads: BOTH,
  },
  {
    name: "behind an answer to its own heartbeat",
    bytes: concat([response({ id: BYPASS_ID }), flag(response({ id: BYPASS_ID }), 0x22), set()]),
    allowed: [response({ id: BYPASS_ID }), flag(response({ id: BYPASS_ID }), 0x22)],
    leads: JAVA,
  },
  {
    name: "as what a server calls back by, with an argument that is a callback",
    bytes: set({ extraAttachments: { "sys_callback_arg-0": "1", "callback.service.instid": "1" } }),
    leads: BOTH,
  },
];

/** A request over HTTP by which SetUser of the user service is called, or the service of another group. */
export interface HttpWay {
  name: string;
  method?: string;
  path?: string;
  /** Null: none. */
  contentType?: string | null;
  headers?: Record<string, string | string[]>;
  leads: Led[];
}

const SET = `/${USERS}/SetUser`;
const GRPC = "application/grpc";
const TRIPLE = ["tri-service-group", "tri-service-version"];

/** GetUser of version 2.0.0 in these groups, which stand in two headers of these names. */
function otherGroup(
  name: string,
  names: string[],
  groups = ["canary"],
  leads: Led[] = [],
): HttpWay {
  const headers = { [names[0]!]: groups, [names[1]!]: "2.0.0" };
  return { name, path: `/${USERS}/GetUser`, contentType: GRPC, headers, leads };
}

/** All that were tried over HTTP; JSON unless they say otherwise. */
export const HTTP_WAYS: HttpWay[] = [
  { name: "the method itself", headers: { "tri-protocol-version": "3.3.0" }, leads: BOTH },
  { name: "without a header of Triple's", leads: BOTH },
  { name: "without a content type", contentType: null, leads: JAVA },
  { name: "content type text/json", contentType: "text/json", leads: JAVA },
  { name: "content type application/yaml", contentType: "application/yaml", leads: JAVA },
  { name: "PUT", method: "PUT", leads: JAVA },
  { name: "PATCH", method: "PATCH", leads: JAVA },
  { name: "a slash at the end", path: `${SET}/`, leads: JAVA },
  { name: "a format behind the method", path: `${SET}.json`, leads: JAVA },
  { name: "two slashes in front", path: `/${SET}`, leads: JAVA },
  { name: "two slashes between", path: `/${USERS}//SetUser`, leads: JAVA },
  { name: "a dot between slashes", path: `/${USERS}/./SetUser`, leads: JAVA },
  { name: "two dots between slashes", path: `/${USERS}/x/../SetUser`, leads: JAVA },
  { name: "a query", path: `${SET}?x=/${USERS}/GetUser`, leads: BOTH },
  { name: "a letter as %53", path: `/${USERS}/%53etUser`, leads: GO },
  { name: "a slash as %2f", path: `/${USERS}%2fSetUser`, leads: GO },
  { name: "a dot as %2e", path: `/${USERS.replace(".", "%2e")}/SetUser`, leads: GO },
  { name: "a parameter behind the method", path: `${SET};x=1`, leads: [] },
  { name: "a small first letter", path: `/${USERS}/setUser`, leads: GO },
  { name: "gRPC", contentType: GRPC, leads: GO },
  { name: "gRPC with JSON", contentType: `${GRPC}+json`, leads: GO },
  { name: "gRPC, a letter as %53", path: `/${USERS}/%53etUser`, contentType: GRPC, leads: GO },
  { name: "gRPC, a small first letter", path: `/${USERS}/setUser`, contentType: GRPC, leads: GO },
  otherGroup("another group, in Triple's headers", TRIPLE, ["canary"], GO),
  otherGroup("another group, in rest's headers", ["rest-service-group", "rest-service-version"]),
  otherGroup("another group, in headers named as attachments", ["group", "version"]),
  otherGroup(
    "another group, in binary headers",
    TRIPLE.map((name) => `${name}-bin`),
  ),
  otherGroup("another group, and before it one that may be called", TRIPLE, ["x", "canary"]),
  otherGroup("another group, and after it one that may be called", TRIPLE, ["canary", "x"], GO),
];
