package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.apache.dubbo.config.ReferenceConfig;

/** What provider and consumer have in common: names, ids with a meaning, and the report. */
final class Peers {
  static final String USERS = "com.k8s.User.UserProvider";
  static final String ORDERS = "com.k8s.Order.OrderProvider";
  /** Orders are exported under both, so that both kinds of service key are on the wire. */
  static final String ORDER_VERSION = "1.0.0";
  static final String ORDER_GROUP = "blue";
  /** Users are exported under these too, which nobody calls but who forges them. */
  static final String CANARY_VERSION = "2.0.0";
  static final String CANARY_GROUP = "canary";
  /** Ids that are answered with something else than a value. */
  static final String NULL_ID = "null";
  static final String ERROR_ID = "error";
  /** Answered with the attachments that came as the name, see {@link Echo}. */
  static final String ECHO_ID = "echo";
  /** The attachment that every call of the consumer carries. */
  static final String MARK_KEY = "x-interop";
  private static final int TIMEOUT_MS = 10_000;

  private Peers() {}

  /** A service at {@code PROTOCOL://HOST:PORT?…}, which is dialled when it is called. */
  static <T> ReferenceConfig<T> reference(Class<T> type, String url) {
    ReferenceConfig<T> reference = reference(url);
    reference.setInterface(type);
    return reference;
  }

  /** The same for an interface that has no class here. */
  static <T> ReferenceConfig<T> reference(String url) {
    ReferenceConfig<T> reference = new ReferenceConfig<>();
    reference.setUrl(url);
    reference.setTimeout(TIMEOUT_MS);
    reference.setRetries(0);
    reference.setCheck(false);
    return reference;
  }

  /** Until SIGTERM. */
  static void await() throws InterruptedException {
    new CountDownLatch(1).await();
  }

  /** The value behind {@code -name} among the arguments, or the default. */
  static String argument(String[] arguments, String name, String otherwise) {
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      if (arguments[i].equals("-" + name)) return arguments[i + 1];
    }
    return otherwise;
  }

  /** How a call ended. */
  enum Outcome {
    ONEWAY("oneway"),
    OK("ok"),
    NULL("nulls"),
    EXCEPTION("exceptions"),
    ERROR("errors");

    final String field;

    Outcome(String field) {
      this.field = field;
    }
  }

  /** Counts by interface, method, version and group; its JSON is what ../report.ts reads. */
  static final class Tally {
    private final Map<List<String>, int[]> lines = new TreeMap<>((a, b) -> a.toString().compareTo(b.toString()));
    private final List<String> failures = new ArrayList<>();

    synchronized void count(
        String service, String method, String target, Outcome outcome, boolean isMarked) {
      boolean isOrder = service.equals(ORDERS);
      List<String> key = new ArrayList<>(List.of(service, method, target));
      key.add(isOrder ? ORDER_VERSION : "");
      key.add(isOrder ? ORDER_GROUP : "");
      int[] counts = lines.computeIfAbsent(key, (_k) -> new int[Outcome.values().length + 1]);
      counts[outcome.ordinal()]++;
      if (isMarked) counts[Outcome.values().length]++;
    }

    synchronized void fail(String what) {
      failures.add(what);
    }

    synchronized String json(String peer) {
      StringBuilder out = new StringBuilder();
      out.append("{\"peer\":\"").append(peer).append("\",\"release\":\"").append(Dubbo.RELEASE);
      out.append("\",\"calls\":[");
      String[] names = {"interface", "method", "target", "version", "group"};
      boolean isFirst = true;
      for (Map.Entry<List<String>, int[]> line : lines.entrySet()) {
        if (!isFirst) out.append(',');
        isFirst = false;
        out.append('{');
        for (int i = 0; i < names.length; i++) {
          String value = line.getKey().get(i);
          if (!value.isEmpty()) out.append(string(names[i])).append(':').append(string(value)).append(',');
        }
        int[] counts = line.getValue();
        int sent = 0;
        for (Outcome outcome : Outcome.values()) {
          sent += counts[outcome.ordinal()];
          out.append(string(outcome.field)).append(':').append(counts[outcome.ordinal()]).append(',');
        }
        out.append("\"sent\":").append(sent);
        out.append(",\"marked\":").append(counts[Outcome.values().length]).append('}');
      }
      out.append("],\"failures\":[");
      for (int i = 0; i < failures.size(); i++) {
        out.append(i == 0 ? "" : ",").append(string(failures.get(i)));
      }
      return out.append("]}").toString();
    }

    private static String string(String text) {
      StringBuilder out = new StringBuilder("\"");
      for (char c : text.toCharArray()) {
        if (c == '"' || c == '\\') out.append('\\').append(c);
        else if (c < 0x20) out.append(String.format("\\u%04x", (int) c));
        else out.append(c);
      }
      return out.append('"').toString();
    }
  }
}
