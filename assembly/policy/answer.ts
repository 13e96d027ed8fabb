/**
 * What a refused call is answered, in Dubbo's own words and over HTTP.
 *
 *     exception   status OK and an `org.apache.dubbo.rpc.RpcException`: the caller does not call again
 *     status      another status and a text: Dubbo's failover cluster calls again, twice by default
 *
 * An exception must be written in the request's serialization. Where there is no telling how, the answer
 * is a status, which every peer reads in hessian2.
 */
import { canThrow, writeExceptionResponse } from "../serialization/exception_response";
import { writeStatusResponse } from "../serialization/error_response";
import { dubboStatus } from "../call/statuses";
import { Outcome } from "../call/vocabulary";
import { STATUS_OK } from "../dubbo/tables";
import { Kept, keptSpan } from "../wire/arena";
import { Output } from "../wire/output";
import { Span } from "../wire/span";

/** `RpcException`'s codes (org.apache.dubbo.rpc.RpcException), and gRPC's statuses beside them. */
export const enum ExceptionCode {
  UNKNOWN = 0,
  NETWORK = 1,
  TIMEOUT = 2,
  BIZ = 3,
  FORBIDDEN = 4,
  SERIALIZATION = 5,
  NO_INVOKER_AVAILABLE = 6,
  LIMIT_EXCEEDED = 7,
}

/** Their names in configuration, in the order of their numbers. */
export const EXCEPTION_WORDS =
  "unknown network timeout biz forbidden serialization no_invoker_available limit_exceeded";

/** gRPC's status for each of them: UNKNOWN, UNAVAILABLE, DEADLINE_EXCEEDED, … */
const GRPC_OF_EXCEPTION = memory.data<u8>([2, 14, 4, 2, 7, 3, 14, 8]);
/** gRPC's status for each of Dubbo's statuses in the order of call/statuses.ts. */
const GRPC_OF_STATUS = memory.data<u8>([2, 0, 3, 4, 4, 14, 3, 13, 12, 2, 13, 2, 8]);
/** SERVICE_ERROR: what stands in for an exception that cannot be written. */
const SERVICE_ERROR: u32 = 70;

/** An answer to be given again and again. */
@unmanaged
@final
export class Answer extends Kept {
  /** An `ExceptionCode`, or -1: then `status` holds. */
  exception: i32 = <i32>(ExceptionCode.FORBIDDEN as u32);
  /** One of Dubbo's statuses as it stands on the wire. */
  status: u32 = SERVICE_ERROR;
  /** ASCII, at most 200 characters. */
  message: Span = keptSpan();

  /** The status with which a request in `serialization` is answered, as it stands on the wire. */
  statusFor(serialization: u8): u32 {
    if (this.exception < 0) return this.status;
    return canThrow(serialization) ? STATUS_OK : SERVICE_ERROR;
  }

  /** The outcome that such an answer has. */
  outcomeFor(serialization: u8): Outcome {
    return this.statusFor(serialization) == STATUS_OK ? Outcome.EXCEPTION : Outcome.ERROR;
  }

  /** gRPC's status for it. */
  get grpcStatus(): u32 {
    if (this.exception >= 0) return load<u8>(GRPC_OF_EXCEPTION + this.exception);
    return load<u8>(GRPC_OF_STATUS + dubboStatus(this.status));
  }

  /** Appends the answer to the request `id`, which was written in `serialization`. */
  write(out: Output, id: u64, serialization: u8): void {
    const status = this.statusFor(serialization);
    if (status == STATUS_OK) {
      writeExceptionResponse(out, id, serialization, this.exception, this.message);
    } else {
      writeStatusResponse(out, id, <u8>status, this.message);
    }
  }
}
