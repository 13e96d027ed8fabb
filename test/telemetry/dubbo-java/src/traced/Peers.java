package traced;

import java.util.List;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.TracingConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.config.nested.ExporterConfig;
import org.apache.dubbo.config.nested.SamplingConfig;
import org.apache.dubbo.rpc.model.ApplicationModel;

/** Dubbo with its own tracing on: each call is a span, told to a collector by OTLP over gRPC. */
final class Peers {
  private Peers() {}

  static void start(
      String name,
      String collector,
      ProtocolConfig protocol,
      List<ServiceConfig<?>> services,
      List<ReferenceConfig<?>> references) {
    ExporterConfig exporter = new ExporterConfig();
    exporter.setOtlpConfig(new ExporterConfig.OtlpConfig(collector));
    TracingConfig tracing = new TracingConfig();
    tracing.setEnabled(true);
    tracing.setSampling(new SamplingConfig(1));
    tracing.setTracingExporter(exporter);
    ApplicationModel.defaultModel().getApplicationConfigManager().setTracing(tracing);
    ApplicationConfig application = new ApplicationConfig(name);
    application.setQosEnable(false);
    DubboBootstrap bootstrap =
        DubboBootstrap.getInstance()
            .application(application)
            .registry(new RegistryConfig(RegistryConfig.NO_AVAILABLE))
            .protocol(protocol);
    services.forEach(bootstrap::service);
    references.forEach(bootstrap::reference);
    bootstrap.start();
  }
}
