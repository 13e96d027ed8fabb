// Where a Nacos is and what of it is read, as Dubbo writes it:
//
//   nacos://nacos-0:8848,nacos-1:8848?namespace=dev&group=blue&config-group=dubbo      or only nacos-0:8848

/** One Nacos, and one group of one of its namespaces. */
export interface NacosAddress {
  /** host:port of its servers, as their HTTP listens; gRPC is on the port above by 1000. */
  servers: string[];
  /** "" for the one without a name, which Nacos calls "public". */
  namespace: string;
  /** The group of the services: Dubbo's parameter `group` of the registry's address. */
  group: string;
  /** The group of the operators' rules: Dubbo's dubbo.config-center.group. */
  configGroup: string;
}

const PUBLIC = "public";

/** @param text as configuration.schema.json has it */
export function nacosAddress(text: string): NacosAddress {
  const [servers = "", query = ""] = text.replace(/^nacos:\/\//, "").split("?");
  const all = new URLSearchParams(query);
  const namespace = all.get("namespace") ?? "";
  return {
    servers: servers.split(","),
    namespace: namespace === PUBLIC ? "" : namespace,
    group: all.get("group") ?? "DEFAULT_GROUP",
    configGroup: all.get("config-group") ?? "dubbo",
  };
}

/** What services are asked for with in place of a namespace. Configurations are asked for with "". */
export function namingNamespace({ namespace }: NacosAddress): string {
  return namespace === "" ? PUBLIC : namespace;
}
