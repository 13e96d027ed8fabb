package traced;

import com.k8s.User.User;
import com.k8s.User.UserProvider;
import java.util.List;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.rpc.RpcContext;

/** Serves users, each by the name of the context that its call came with: port, collector's address. */
public final class Provider implements UserProvider {
  private Provider() {}

  public static void main(String[] arguments) throws InterruptedException {
    ProtocolConfig protocol = new ProtocolConfig("dubbo", Integer.parseInt(arguments[0]));
    ServiceConfig<UserProvider> service = new ServiceConfig<>();
    service.setInterface(UserProvider.class);
    service.setRef(new Provider());
    Peers.start("java-provider", arguments[1], protocol, List.of(service), List.of());
    Thread.currentThread().join();
  }

  @Override
  public User GetUser(String id) {
    User user = new User();
    user.id = id;
    user.name = RpcContext.getServerAttachment().getAttachment("traceparent");
    return user;
  }

  @Override
  public String SetUser(User user) {
    return user.id;
  }
}
