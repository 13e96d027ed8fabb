package interop;

import com.k8s.Order.Order;
import com.k8s.Order.OrderProvider;
import com.k8s.User.User;
import com.k8s.User.UserProvider;
import interop.Peers.Outcome;
import interop.Peers.Tally;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.service.GenericService;

/**
 * Makes {@code -calls N} calls of each kind in turn, by {@code -parallel N} callers, at {@code -user HOST:PORT} and
 * {@code -order HOST:PORT} over {@code -protocol dubbo|tri} in {@code -serialization hessian2|fastjson2}; prints one line of JSON with how they
 * ended, and waits for SIGTERM with its connections open.
 */
public final class Consumer {
  private static final int RUN_SECONDS = 60;
  private static final Tally TALLY = new Tally();

  private interface Call {
    /** Answers the value that came, or null. */
    Object make(int number) throws Exception;
  }

  private record Kind(
      String service, String method, String target, Outcome wanted, Call call) {}

  public static void main(String[] arguments) throws Exception {
    String serialization = Peers.argument(arguments, "serialization", "hessian2");
    String protocolName = Peers.argument(arguments, "protocol", "dubbo");
    String userUrl = url(protocolName, Peers.argument(arguments, "user", ""), serialization);
    String orderUrl = url(protocolName, Peers.argument(arguments, "order", ""), serialization);
    int calls = Integer.parseInt(Peers.argument(arguments, "calls", "100"));
    int parallel = Integer.parseInt(Peers.argument(arguments, "parallel", "4"));

    ReferenceConfig<UserProvider> users = Peers.reference(UserProvider.class, userUrl);
    ReferenceConfig<UserProvider> silent = Peers.reference(UserProvider.class, userUrl);
    MethodConfig oneway = new MethodConfig();
    oneway.setName("SetUser");
    oneway.setReturn(false);
    silent.setMethods(List.of(oneway));
    ReferenceConfig<GenericService> generic = Peers.reference(userUrl);
    generic.setInterface(Peers.USERS);
    generic.setGeneric("true");
    ReferenceConfig<OrderProvider> orders = Peers.reference(OrderProvider.class, orderUrl);
    orders.setVersion(Peers.ORDER_VERSION);
    orders.setGroup(Peers.ORDER_GROUP);
    // It serves nothing.
    ProtocolConfig protocol = new ProtocolConfig(protocolName);
    Dubbo.start("interop-consumer", protocol, List.of(), List.of(users, silent, generic, orders));

    UserProvider user = users.get();
    UserProvider silentUser = silent.get();
    GenericService genericUser = generic.get();
    OrderProvider order = orders.get();
    String[] types = {"java.lang.String"};
    List<Kind> kinds =
        List.of(
            new Kind(Peers.USERS, "GetUser", "", Outcome.OK, (n) -> user.GetUser("" + n)),
            new Kind(Peers.USERS, "GetUser", "", Outcome.NULL, (n) -> user.GetUser(Peers.NULL_ID)),
            new Kind(
                Peers.USERS, "GetUser", "", Outcome.EXCEPTION, (n) -> user.GetUser(Peers.ERROR_ID)),
            new Kind(
                Peers.USERS, "SetUser", "", Outcome.OK, (n) -> user.SetUser(new User("" + n, "名前" + n))),
            new Kind(
                Peers.USERS,
                "SetUser",
                "",
                Outcome.ONEWAY,
                (n) -> silentUser.SetUser(new User("" + n, "x".repeat(n % 5000)))),
            new Kind(
                Peers.USERS,
                "$invoke",
                "GetUser",
                Outcome.OK,
                (n) -> genericUser.$invoke("GetUser", types, new Object[] {"" + n})),
            new Kind(Peers.ORDERS, "GetOrder", "", Outcome.OK, (n) -> order.GetOrder("" + n)),
            new Kind(
                Peers.ORDERS, "GetOrder", "", Outcome.EXCEPTION, (n) -> order.GetOrder(Peers.ERROR_ID)),
            new Kind(
                Peers.ORDERS,
                "SetOrder",
                "",
                Outcome.OK,
                (n) -> order.SetOrder(new Order("" + n, "😀" + "y".repeat(n % 5000)))));

    ExecutorService callers = Executors.newFixedThreadPool(parallel);
    for (int i = 0; i < calls; i++) {
      int number = i;
      callers.submit(() -> make(kinds.get(number % kinds.size()), number));
    }
    callers.shutdown();
    if (!callers.awaitTermination(RUN_SECONDS, TimeUnit.SECONDS)) TALLY.fail("calls hang");
    System.out.println(TALLY.json("consumer"));
    Peers.await();
  }

  private static void make(Kind kind, int number) {
    // Attachments of every kind of value that users set, for this one call.
    Dubbo.attach(Peers.MARK_KEY, "yes");
    Dubbo.attach("x-canary", "v2");
    Dubbo.attach("x-list", List.of("a", number));
    Dubbo.attach("x-map", Map.of("k", new User("" + number, "in an attachment")));
    Outcome outcome;
    try {
      Object value = kind.call.make(number);
      outcome = value == null ? Outcome.NULL : Outcome.OK;
      if (kind.wanted == Outcome.ONEWAY) outcome = Outcome.ONEWAY;
    } catch (RpcException error) {
      outcome = Outcome.ERROR;
      TALLY.fail(kind.method + " " + number + ": " + error);
    } catch (Exception exception) {
      outcome = Outcome.EXCEPTION;
    } finally {
      Dubbo.forgetAttachments();
    }
    if (outcome != kind.wanted) TALLY.fail(kind.method + " " + number + ": " + outcome);
    TALLY.count(kind.service, kind.method, kind.target, outcome, true);
  }

  private static String url(String protocol, String address, String serialization) {
    return protocol + "://" + address + "?serialization=" + serialization + "&prefer.serialization=" + serialization;
  }
}
