/**
 * Which serialization can do what: the table in which ids choose code.
 */
import { COMPACTED_JAVA, FASTJSON, FASTJSON2, HESSIAN2, JAVA } from "../dubbo/tables";
import { beginFastjson, readFastjsonCount, readFastjsonKind, readFastjsonText } from "./fastjson";
import { Format } from "./format";
import {
  beginHessian2,
  hessian2HeadLength,
  readHessian2Attachments,
  readHessian2Count,
  readHessian2Kind,
  readHessian2Text,
  skipHessian2Arguments,
} from "./hessian2/body";
import { readHessian2Tail, rewriteHessian2Attachments } from "./hessian2/attachments";
import { beginJava, readJavaKind, readJavaString, readJavaUtf } from "./java";
import {
  beginFastjson2,
  fastjson2HeadLength,
  readFastjson2Attachments,
  readFastjson2Kind,
  readFastjson2Text,
  rewriteFastjson2Attachments,
  skipFastjson2Arguments,
} from "./jsonb/body";

/** Ids have five bits. */
const MOST_IDS: u32 = 32;
const ROWS = memory.data(<i32>(MOST_IDS * sizeof<usize>()), sizeof<usize>());

/** The row of a serialization, or null where nothing of it can be read. */
export function formatOf(serialization: u8): Format | null {
  if (serialization >= <u8>MOST_IDS) return null;
  return changetype<Format | null>(load<usize>(rowOf(serialization)));
}

// @ts-ignore: decorator
@inline
function rowOf(serialization: u8): usize {
  return ROWS + <usize>serialization * sizeof<usize>();
}

function give(serialization: u8, format: Format): void {
  store<usize>(rowOf(serialization), changetype<usize>(format));
}

const hessian2 = new Format();
hessian2.begin = beginHessian2;
hessian2.readText = readHessian2Text;
hessian2.readArgument = readHessian2Text;
hessian2.readCount = readHessian2Count;
hessian2.skipArguments = skipHessian2Arguments;
hessian2.readAttachments = readHessian2Attachments;
hessian2.readTail = readHessian2Tail;
hessian2.hasReadableTail = true;
hessian2.rewrite = rewriteHessian2Attachments;
hessian2.readKind = readHessian2Kind;
hessian2.headLength = hessian2HeadLength;
give(HESSIAN2, hessian2);

const fastjson2 = new Format();
fastjson2.begin = beginFastjson2;
fastjson2.readText = readFastjson2Text;
fastjson2.readArgument = readFastjson2Text;
fastjson2.skipArguments = skipFastjson2Arguments;
fastjson2.readAttachments = readFastjson2Attachments;
fastjson2.rewrite = rewriteFastjson2Attachments;
fastjson2.readKind = readFastjson2Kind;
fastjson2.headLength = fastjson2HeadLength;
give(FASTJSON2, fastjson2);

const java = new Format();
java.begin = beginJava;
java.readText = readJavaUtf;
java.readArgument = readJavaString;
java.readKind = readJavaKind;
give(JAVA, java);
give(COMPACTED_JAVA, java);

const fastjson = new Format();
fastjson.begin = beginFastjson;
fastjson.readText = readFastjsonText;
fastjson.readArgument = readFastjsonText;
fastjson.readCount = readFastjsonCount;
fastjson.readKind = readFastjsonKind;
give(FASTJSON, fastjson);
