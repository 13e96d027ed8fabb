package interop;

import com.k8s.Order.Order;
import com.k8s.Order.OrderProvider;
import com.k8s.User.User;
import com.k8s.User.UserProvider;
import com.sun.net.httpserver.HttpServer;
import interop.Peers.Outcome;
import interop.Peers.Tally;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.ServiceConfig;

/**
 * A provider of both services: {@code -port N -admin N -mark KEY[=VALUE] -protocol dubbo|tri}. {@code GET /report}
 * on the admin port answers with what it received so far. With {@code -onward HOST:PORT} each order is got by way of
 * the user service there.
 */
public final class Provider {
  private static final Tally TALLY = new Tally();
  private static String markKey;
  private static String markValue;
  /** Whom orders ask, or null. */
  private static ReferenceConfig<UserProvider> onward;

  public static void main(String[] arguments) throws Exception {
    String[] mark = Peers.argument(arguments, "mark", Peers.MARK_KEY).split("=", 2);
    markKey = mark[0];
    markValue = mark.length == 2 ? mark[1] : null;

    ProtocolConfig protocol = new ProtocolConfig(Peers.argument(arguments, "protocol", "dubbo"));
    protocol.setPort(Integer.parseInt(Peers.argument(arguments, "port", "20000")));
    ServiceConfig<UserProvider> users = service(UserProvider.class, new Users());
    ServiceConfig<UserProvider> canary = service(UserProvider.class, new Users());
    canary.setVersion(Peers.CANARY_VERSION);
    canary.setGroup(Peers.CANARY_GROUP);
    ServiceConfig<OrderProvider> orders = service(OrderProvider.class, new Orders());
    orders.setVersion(Peers.ORDER_VERSION);
    orders.setGroup(Peers.ORDER_GROUP);
    List<ReferenceConfig<?>> references = new ArrayList<>();
    String address = Peers.argument(arguments, "onward", "");
    if (!address.isEmpty()) {
      onward = Peers.reference(UserProvider.class, protocol.getName() + "://" + address);
      references.add(onward);
    }
    Dubbo.start("interop-provider", protocol, List.of(users, canary, orders), references);

    int port = Integer.parseInt(Peers.argument(arguments, "admin", "20001"));
    HttpServer admin =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    admin.createContext(
        "/report",
        (exchange) -> {
          byte[] body = TALLY.json("provider").getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    admin.start();
    Peers.await();
  }

  private static <T> ServiceConfig<T> service(Class<T> type, T implementation) {
    ServiceConfig<T> service = new ServiceConfig<>();
    service.setInterface(type);
    service.setRef(implementation);
    service.setFilter(Echo.NAME);
    return service;
  }

  /** Counts the call that runs, and ends it as its id says; answers whether with a value. */
  private static boolean answer(String service, String method, String id) {
    Object mark = Dubbo.attached(markKey);
    boolean isMarked = mark != null && (markValue == null || markValue.equals(mark));
    Outcome outcome = Outcome.OK;
    if (Peers.NULL_ID.equals(id)) outcome = Outcome.NULL;
    if (Peers.ERROR_ID.equals(id)) outcome = Outcome.EXCEPTION;
    boolean isGeneric = Dubbo.attached("generic") != null;
    TALLY.count(service, isGeneric ? "$invoke" : method, isGeneric ? method : "", outcome, isMarked);
    if (outcome == Outcome.EXCEPTION) throw new IllegalStateException("no " + id);
    return outcome != Outcome.NULL;
  }

  private static final class Users implements UserProvider {
    @Override
    public User GetUser(String id) {
      if (!answer(Peers.USERS, "GetUser", id)) return null;
      return new User(id, Peers.ECHO_ID.equals(id) ? Echo.last() : "user " + id);
    }

    @Override
    public String SetUser(User user) {
      answer(Peers.USERS, "SetUser", user.id);
      return user.name;
    }
  }

  private static final class Orders implements OrderProvider {
    @Override
    public Order GetOrder(String id) {
      if (!answer(Peers.ORDERS, "GetOrder", id)) return null;
      return new Order(id, onward == null ? "order " + id : onward.get().GetUser(id).name);
    }

    @Override
    public String SetOrder(Order order) {
      answer(Peers.ORDERS, "SetOrder", order.id);
      return order.name;
    }
  }
}
