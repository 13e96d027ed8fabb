// What the demo's services pass around: a User or an Order, the same eight fields in both, as Java
// objects on the wire and as JSON at the gateway.
//
// The classes are those that test/fixtures/frames shows from dubbo-go; id is a string and time a
// date, as there.

import { pojo, type Typed } from "./dubbo/java.ts";

/** A User or an Order. */
export interface DemoRecord {
  id: string;
  name: string;
  podName: string;
  podNamespace: string;
  podIp: string;
  service: string;
  type: string;
  time: Date;
}

/** One kind of record, and the Dubbo service that keeps records of it. */
export interface RecordService {
  /** The service's name, e.g. for messages; "user-provider". */
  name: string;
  /** Full name of the Dubbo interface. */
  interface: string;
  /** Methods, and descriptors of their one parameter: String for get, the class for set. */
  get: { method: string; descriptor: string };
  set: { method: string; descriptor: string };
  /** Full name of the Java class. */
  className: string;
  /** What stands in a record's `type`. */
  type: string;
  /** Where the service listens unless told otherwise. */
  port: number;
}

/** com.k8s.User.UserProvider: GetUser(String): User and SetUser(User): User. */
export const USERS = recordService("User", 20000);

/** com.k8s.Order.OrderProvider: GetOrder(String): Order and SetOrder(Order): Order. */
export const ORDERS = recordService("Order", 20001);

/** The record as an instance of the service's Java class. */
export function toJava(service: RecordService, record: DemoRecord): Typed {
  const { id, name, podName, podNamespace, podIp } = record;
  const { service: by, type, time } = record;
  const fields = { id, name, podName, podNamespace, podIp, service: by, type, time };
  return pojo(service.className, fields);
}

/** The record in a decoded value; fields that are missing or null become "" or now. */
export function fromJava(value: unknown): DemoRecord {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Partial<DemoRecord>;
  const text = (field: unknown) => (field === undefined || field === null ? "" : String(field));
  return {
    id: text(fields.id),
    name: text(fields.name),
    podName: text(fields.podName),
    podNamespace: text(fields.podNamespace),
    podIp: text(fields.podIp),
    service: text(fields.service),
    type: text(fields.type),
    time: fields.time instanceof Date ? fields.time : new Date(),
  };
}

/** The record for JSON: id as a number where it is one, time as "2020-04-26T14:28:52.224+08:00". */
export function toJson(record: DemoRecord): object {
  const id = /^(0|[1-9]\d{0,14})$/.test(record.id) ? Number(record.id) : record.id;
  return { ...record, id, time: localTime(record.time) };
}

/** A moment in this machine's time zone, in ISO 8601 with its offset from UTC. */
export function localTime(time: Date): string {
  const minutes = -time.getTimezoneOffset();
  const shifted = new Date(time.getTime() + minutes * 60_000).toISOString().slice(0, -1);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const ahead = Math.abs(minutes);
  return `${shifted}${minutes < 0 ? "-" : "+"}${two(ahead / 60)}:${two(ahead % 60)}`;
}

function recordService(noun: string, port: number): RecordService {
  const className = `com.k8s.${noun}.${noun}`;
  return {
    name: `${noun.toLowerCase()}-provider`,
    interface: `${className}Provider`,
    get: { method: `Get${noun}`, descriptor: "Ljava/lang/String;" },
    set: { method: `Set${noun}`, descriptor: `L${className.replaceAll(".", "/")};` },
    className,
    type: noun.toLowerCase(),
    port,
  };
}
