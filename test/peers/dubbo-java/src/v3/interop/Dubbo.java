package interop;

import java.util.List;
import java.util.Map;
import org.apache.dubbo.common.Version;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.Invocation;
import org.apache.dubbo.rpc.RpcContext;

/** What Dubbo 3 does otherwise than Dubbo 2. */
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
    DubboBootstrap bootstrap =
        DubboBootstrap.getInstance()
            .application(application)
            .registry(new RegistryConfig(RegistryConfig.NO_AVAILABLE));
    // What a consumer asks for counts; this is what the provider may be asked for.
    if (protocol.getName().equals("dubbo")) protocol.setSerialization("fastjson2");
    bootstrap.protocol(protocol);
    services.forEach(bootstrap::service);
    references.forEach(bootstrap::reference);
    bootstrap.start();
  }

  /** Gives the next call of this thread an attachment. */
  static void attach(String key, Object value) {
    RpcContext.getClientAttachment().setObjectAttachment(key, value);
  }

  static void forgetAttachments() {
    RpcContext.removeClientAttachment();
  }

  /** The attachment of the call that this thread serves, or null. */
  static Object attached(String key) {
    return RpcContext.getServerAttachment().getObjectAttachment(key);
  }

  /** All attachments that a provider has of a call. */
  static Map<String, Object> attachments(Invocation invocation) {
    return invocation.getObjectAttachments();
  }
}
