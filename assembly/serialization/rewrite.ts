/**
 * Which serialization's attachments can be written anew, and by whom.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { FASTJSON2, HESSIAN2 } from "../dubbo/tables";
import { Output } from "../wire/output";
import { rewriteFastjson2Attachments } from "./fastjson2";
import { rewriteHessian2Attachments } from "./hessian2_attachments";

/**
 * Writes the attachments that lie from `start` to `end` in a body that was just read, changed.
 *
 * @returns whether they could be; if not, what was written to `out` means nothing
 */
export function rewriteAttachments(
  serialization: u8,
  start: usize,
  end: usize,
  change: AttachmentChange,
  out: Output,
): bool {
  switch (serialization) {
    case HESSIAN2:
      return rewriteHessian2Attachments(start, end, change, out);
    case FASTJSON2:
      return rewriteFastjson2Attachments(start, end, change, out);
    default:
      return false;
  }
}
