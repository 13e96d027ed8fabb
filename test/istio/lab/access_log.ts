// Requests in the access log of a pod's sidecar, in Istio's default format. A line is there some time
// after the answer: Envoy writes when it has many, or each second.
// https://istio.io/latest/docs/tasks/observability/logs/access-log/#default-access-log-format

import type { Pod } from "./pod.ts";

/** A line. */
export interface LoggedRequest {
  /** E.g. "POST /meshgrpc.Mesher/SayHello HTTP/2". */
  request: string;
  /** HTTP status. */
  status: number;
  /** Envoy's response flags, e.g. "UH"; "-" where all went well. */
  flags: string;
  /** x-request-id, the same in each sidecar that a request passes. */
  id: string;
  authority: string;
  /** Where it was sent, host:port; "-" for nowhere. */
  upstream: string;
  /** E.g. "outbound|50000||appmeshclient.mesh", or "inbound|50000||". */
  cluster: string;
  /** What the caller's TLS asked for, as of Istio's mutual TLS; "-" without. */
  serverName: string;
}

// [time] "request" status flags details termination "failure" bytes bytes ms ms
// "forwarded for" "user agent" "id" "authority" "upstream" cluster addresses (3) server-name route
const LINE =
  /^\[[^\]]+\] "(?<request>[^"]*)" (?<status>\d+) (?<flags>\S+) \S+ \S+ "[^"]*" \S+ \S+ \S+ \S+ "[^"]*" "[^"]*" "(?<id>[^"]*)" "(?<authority>[^"]*)" "(?<upstream>[^"]*)" (?<cluster>\S+) \S+ \S+ \S+ (?<serverName>\S+) /;

/** The requests that passed, or were answered by, a pod's sidecar, in the order of their ends. */
export function loggedRequests(pod: Pod): LoggedRequest[] {
  const lines = (pod.proxy?.log ?? "").split("\n");
  return lines.flatMap((line) => {
    const groups = LINE.exec(line)?.groups as Record<string, string> | undefined;
    if (groups === undefined) return [];
    return [{ ...groups, status: Number(groups.status) } as unknown as LoggedRequest];
  });
}
