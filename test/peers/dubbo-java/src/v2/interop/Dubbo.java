package interop;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.common.Version;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.rpc.Invocation;
import org.apache.dubbo.rpc.RpcContext;

/** What Dubbo 2 does otherwise than Dubbo 3. */
final class Dubbo {
  static final String RELEASE = Version.getVersion();

  private Dubbo() {}

  /** Serves and refers without a registry and a QoS server. */
  static void start(
      String name,
      ProtocolConfig protocol,
      List<ServiceConfig<?>> services,
      List<ReferenceConfig<?>> references) {
    ApplicationConfig application = new ApplicationConfig(name);
    application.setQosEnable(false);
    RegistryConfig registry = new RegistryConfig(RegistryConfig.NO_AVAILABLE);
    for (ReferenceConfig<?> reference : references) {
      reference.setApplication(application);
      reference.setRegistry(registry);
    }
    for (ServiceConfig<?> service : services) {
      service.setApplication(application);
      service.setRegistry(registry);
      service.setProtocol(protocol);
      service.export();
    }
  }

  /** Gives the next call of this thread an attachment; Dubbo 2.6 has no others than texts. */
  static void attach(String key, Object value) {
    if (value instanceof String) RpcContext.getContext().setAttachment(key, (String) value);
  }

  static void forgetAttachments() {
    RpcContext.removeContext();
  }

  /** The attachment of the call that this thread serves, or null. */
  static Object attached(String key) {
    return RpcContext.getContext().getAttachment(key);
  }

  /** All attachments that a provider has of a call, of which only texts are told. */
  static Map<String, Object> attachments(Invocation invocation) {
    return new HashMap<>(invocation.getAttachments());
  }
}
