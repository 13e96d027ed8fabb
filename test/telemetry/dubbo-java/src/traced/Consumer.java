package traced;

import com.k8s.User.UserProvider;
import java.util.List;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;

/** Asks for a user, and prints the context that the provider had: the provider's address, the collector's. */
public final class Consumer {
  /** What waits is told every five seconds, and at no end. */
  private static final long TOLD_MS = 6000;

  private Consumer() {}

  public static void main(String[] arguments) throws InterruptedException {
    ReferenceConfig<UserProvider> reference = new ReferenceConfig<>();
    reference.setInterface(UserProvider.class);
    reference.setUrl("dubbo://" + arguments[0] + "?serialization=hessian2");
    reference.setCheck(false);
    reference.setTimeout(20_000);
    ProtocolConfig protocol = new ProtocolConfig("dubbo", -1);
    Peers.start("java-consumer", arguments[1], protocol, List.of(), List.of(reference));
    System.out.println("traceparent " + reference.get().GetUser("A0").name);
    Thread.sleep(TOLD_MS);
    System.exit(0);
  }
}
