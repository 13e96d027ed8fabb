// mesha: an HTTP service that makes a gRPC call of each request, to a host that only the mesh knows.
//
//   GET /demo ?name=   SayHello of meshgrpc.Mesher; 503 where nobody is there, 504 where nobody
//                      answers in time, 502 where the call fails in another way
//
// The other service is demo/grpc_server.ts, called meshb in manifests/grpc-mesh. Port 7171; address
// of the other service: --mesher host:port or $MESHER_ADDRESS. All else as in istio_poc/server.ts.

import { status as Status, type ServiceError } from "@grpc/grpc-js";
import { GrpcClient } from "../grpc/client.ts";
import { MESHER } from "../grpc/services.ts";
import { runService } from "../istio_poc/server.ts";
import { passedOn } from "../istio_poc/upstream.ts";

await runService({
  name: "mesha",
  port: 7171,
  addresses: { mesher: "127.0.0.1:50000" },
  paths: ({ addresses, timeoutMs }) => {
    const client = new GrpcClient({ address: addresses.mesher, timeoutMs });
    return {
      "/demo": async ({ headers }, query) => {
        const request = { name: query.get("name") ?? "mesha" };
        try {
          const { message } = await client.call(
            MESHER.methods.SayHello,
            request,
            passedOn(headers),
          );
          return { fields: { message } };
        } catch (error) {
          const { code, message } = error as ServiceError;
          return { status: httpStatus(code), fields: { error: message } };
        }
      },
    };
  },
});

function httpStatus(code: Status): number {
  if (code === Status.UNAVAILABLE) return 503;
  return code === Status.DEADLINE_EXCEEDED ? 504 : 502;
}
