// Which pod a demo process is: from the environment that a manifest fills in, or a local stand-in.

/** The pod's identity, as it goes into answers. */
export interface Pod {
  podName: string;
  podNamespace: string;
  podIp: string;
}

/**
 * $POD_NAME, $POD_NAMESPACE and $POD_IP. Where there is no name it is made from the type and the
 * version's label, e.g. "dubbo-local-user-v1".
 */
export function podFromEnvironment(type: string, versionLabel: string): Pod {
  const { POD_NAME, POD_NAMESPACE, POD_IP } = process.env;
  return {
    podName: POD_NAME || `dubbo-local-${type}-${versionLabel}`,
    podNamespace: POD_NAMESPACE || "local",
    podIp: POD_IP || "127.0.0.1",
  };
}
