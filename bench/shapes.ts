// The loads that are measured, as data.

/** Frames of one length among others. */
export interface Share {
  /** How many of a hundred frames have this length. */
  percent: number;
  /** Length of a whole frame in bytes. */
  bytes: number;
}

/** One load: how many calls of which kind are under way at once. */
export interface Shape {
  name: string;
  title: string;
  connections: number;
  /** Calls in flight on each connection. */
  inFlight: number;
  mix: Share[];
  interfaces: number;
  /** Methods of each interface. */
  methods: number;
  /** A connection closes after so many calls, and the next one is opened; 0: it stays. */
  callsPerConnection: number;
}

const SMALL: Omit<Shape, "name" | "title" | "connections" | "inFlight"> = {
  mix: [{ percent: 100, bytes: 272 }],
  interfaces: 1,
  methods: 1,
  callsPerConnection: 0,
};

/** In the order in which they are measured. */
export const SHAPES: readonly Shape[] = [
  {
    ...SMALL,
    name: "pipelined",
    title: "272 B, 4 connections with 64 in flight each",
    connections: 4,
    inFlight: 64,
  },
  {
    ...SMALL,
    name: "serial",
    title: "272 B, 16 connections with 1 in flight each",
    connections: 16,
    inFlight: 1,
  },
  {
    ...SMALL,
    name: "large",
    title: "16 KiB, 1 connection with 16 in flight",
    connections: 1,
    inFlight: 16,
    mix: [{ percent: 100, bytes: 16 * 1024 }],
  },
  {
    ...SMALL,
    name: "mixed",
    title:
      "90 % 300 B, 9 % 4 KiB, 1 % 256 KiB; 50 interfaces; 4 connections with 16 in flight each",
    connections: 4,
    inFlight: 16,
    mix: [
      { percent: 90, bytes: 300 },
      { percent: 9, bytes: 4096 },
      { percent: 1, bytes: 256 * 1024 },
    ],
    interfaces: 50,
  },
  {
    ...SMALL,
    name: "churn",
    title: "272 B, 16 connections with 1 in flight each, new ones after 10 calls",
    connections: 16,
    inFlight: 1,
    callsPerConnection: 10,
  },
];
