/**
 * The parsing folders alone, as a module of their own: what tests and micro-benchmarks call.
 *
 * It must compile without imports, which proves that parsing knows of no host. The caller places the
 * input itself (for instance so that its last byte is the last of linear memory) and reads answers
 * from the addresses that are returned.
 */
import { AttachmentQuery } from "./dubbo/attachments";
import { FrameReader, Step } from "./dubbo/frame_reader";
import { Invocation } from "./dubbo/invocation";
import { readEventKind, readInvocation, readResultKind } from "./serialization/bodies";
import { skipValues, startBody } from "./serialization/hessian2/skip";
import { skipJsonb } from "./serialization/jsonb/value";
import { Span } from "./wire/span";

/** Gives the caller `size` bytes for its input. */
export function allocate(size: u32): usize {
  return heap.alloc(size);
}

/** Makes an invocation to read into; with `attachments` those named `group` and `interface` too. */
export function newInvocation(attachments: bool): usize {
  const invocation = new Invocation();
  if (attachments) {
    const query = new AttachmentQuery();
    invocation.attachments = query;
    group = query.wantText("group").value;
    interfaceName = query.wantText("interface").value;
  }
  return changetype<usize>(invocation);
}

let group: Span | null = null;
let interfaceName: Span | null = null;

/** Reads a request body; answers as `readInvocation` does. */
export function probeInvocation(invocation: usize, serialization: u8, p: usize, end: usize): usize {
  return readInvocation(serialization, p, end, changetype<Invocation>(invocation));
}

/** The span of one part of the invocation read last: 0 to 6 in the order of the switch. */
export function spanOf(invocation: usize, part: u32): usize {
  const read = changetype<Invocation>(invocation);
  switch (part) {
    case 0:
      return changetype<usize>(read.dubboVersion);
    case 1:
      return changetype<usize>(read.path);
    case 2:
      return changetype<usize>(read.serviceVersion);
    case 3:
      return changetype<usize>(read.method);
    case 4:
      return changetype<usize>(read.descriptor);
    case 5:
      return changetype<usize>(group);
    default:
      return changetype<usize>(interfaceName);
  }
}

/** Whether the invocation's head (bit 0) and attachments (bit 1) were read. */
export function readState(invocation: usize): u32 {
  const read = changetype<Invocation>(invocation);
  return (<u32>read.headRead) | ((<u32>read.attachmentsRead) << 1);
}

/** Reads a result's kind; answers as `readResultKind` does. */
export function probeResultKind(serialization: u8, p: usize, end: usize): i32 {
  return readResultKind(serialization, p, end);
}

/** Tells an event; answers an `EventKind`. */
export function probeEventKind(p: usize, length: u32): u32 {
  return readEventKind(p, length);
}

/** Passes `count` Hessian 2 values; answers as `skipValues` does. */
export function probeHessian2Skip(p: usize, end: usize, count: u32): usize {
  startBody();
  return skipValues(p, end, count);
}

/** Passes `count` JSONB values; answers as `skipJsonb` does. */
export function probeJsonbSkip(p: usize, end: usize, count: u32): usize {
  return skipJsonb(p, end, count);
}

/**
 * Reads frames from `length` bytes at `p`, fed `chunk` bytes at a time; each head is taken as it is
 * first offered.
 *
 * @returns the number of whole frames; -1 for foreign bytes, -2 for a body longer than `maxBody`
 */
export function probeFrames(p: usize, length: u32, chunk: u32, maxBody: u32): i32 {
  const reader = new FrameReader();
  let frames = 0;
  for (let offset: u32 = 0; offset < length && frames >= 0; offset += chunk) {
    reader.feed(p + offset, min<u32>(chunk, length - offset));
    let step = reader.next(maxBody, maxBody);
    while (step != Step.NEED_BYTES) {
      if (step == Step.HEAD) reader.accept();
      else if (step == Step.FRAME_END) frames++;
      else {
        frames = step == Step.FOREIGN ? -1 : -2;
        break;
      }
      step = reader.next(maxBody, maxBody);
    }
  }
  reader.releaseCarry();
  heap.free(changetype<usize>(reader));
  return frames;
}
