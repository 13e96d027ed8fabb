package interop;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.apache.dubbo.rpc.Filter;
import org.apache.dubbo.rpc.Invocation;
import org.apache.dubbo.rpc.Invoker;
import org.apache.dubbo.rpc.Result;

/**
 * Keeps what a provider made of the call that its thread serves: all attachments, which Dubbo hides from services in
 * part. ../java_build.ts makes it known to Dubbo as the filter {@link #NAME}.
 */
public final class Echo implements Filter {
  static final String NAME = "interop-echo";
  private static final ThreadLocal<String> LAST = new ThreadLocal<>();

  @Override
  public Result invoke(Invoker<?> invoker, Invocation invocation) {
    Map<String, Object> all = new TreeMap<>(Dubbo.attachments(invocation));
    // No attachment's name over HTTP, where such a key is a pseudo header.
    all.put(":service", invoker.getUrl().getServiceKey());
    StringBuilder out = new StringBuilder();
    all.forEach((key, value) -> out.append(encoded(key)).append(':').append(encoded(value)).append(','));
    LAST.set("echo(" + out + ")");
    return invoker.invoke(invocation);
  }

  /** {@code echo(KEY:VALUE,…)}, percent-encoded, of the call that this thread serves. */
  static String last() {
    return LAST.get();
  }

  private static String encoded(Object value) {
    String text =
        value instanceof byte[]
            ? new String((byte[]) value, StandardCharsets.UTF_8)
            : String.valueOf(value);
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
