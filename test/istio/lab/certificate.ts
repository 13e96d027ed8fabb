// The certificate that manifests/gateway leaves to its user, as the Secret that manifests/README.md has
// kubectl make of it. Signed by its own key.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubernetesObject } from "./kubernetes.ts";

/** Whom it names. */
export const CERTIFIED = "dubbo.example.com";

const REQUEST = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1";

/** A certificate of a day, and the Secret with it and its key. */
export interface GatewayCertificate {
  /** PEM. */
  certificate: string;
  secret: KubernetesObject;
}

/** Makes one, with openssl(1). */
export function gatewayCertificate(): GatewayCertificate {
  const folder = mkdtempSync(join(tmpdir(), "certificate-"));
  try {
    const [keyFile, file] = [join(folder, "tls.key"), join(folder, "tls.crt")];
    const named = ["-subj", `/CN=${CERTIFIED}`, "-addext", `subjectAltName=DNS:${CERTIFIED}`];
    const args = [...REQUEST.split(" "), "-keyout", keyFile, "-out", file, ...named];
    execFileSync("openssl", args, { stdio: "pipe" });
    const certificate = readFileSync(file, "utf8");
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "dubbo-gateway-tls", namespace: "mesh-demo" },
      type: "kubernetes.io/tls",
      data: { "tls.crt": encoded(certificate), "tls.key": encoded(readFileSync(keyFile, "utf8")) },
    };
    return { certificate, secret };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
