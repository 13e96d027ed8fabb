// Command registered serves the demo's user interface with dubbo-go and registers itself in a registry,
// until it is told to end (SIGTERM, SIGINT or -lifetime).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	_ "dubbo.apache.org/dubbo-go/v3/filter/accesslog"
	_ "dubbo.apache.org/dubbo-go/v3/filter/echo"
	_ "dubbo.apache.org/dubbo-go/v3/filter/exec_limit"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/filter/token"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/mapping/metadata"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/report/nacos"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/report/zookeeper"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	"dubbo.apache.org/dubbo-go/v3/registry"
	_ "dubbo.apache.org/dubbo-go/v3/registry/directory"
	_ "dubbo.apache.org/dubbo-go/v3/registry/nacos"
	_ "dubbo.apache.org/dubbo-go/v3/registry/protocol"
	_ "dubbo.apache.org/dubbo-go/v3/registry/servicediscovery"
	_ "dubbo.apache.org/dubbo-go/v3/registry/zookeeper"
	"dubbo.apache.org/dubbo-go/v3/server"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// UserProvider is com.k8s.User.UserProvider.
type UserProvider struct{}

// GetUser gives a user of that id.
func (*UserProvider) GetUser(_ context.Context, id string) (*peers.User, error) {
	return &peers.User{ID: id, Name: "user-" + id, Type: "dubbo-go", Time: time.Now()}, nil
}

func main() {
	port := flag.Int("port", 20000, "port of the dubbo protocol, on 127.0.0.1")
	kind := flag.String("kind", "nacos", "of registry: nacos or zookeeper")
	address := flag.String("address", "127.0.0.1:8848", "host:port of the registry")
	level := flag.String("level", constant.RegistryTypeInterface, "interface or service")
	lifetime := flag.Duration("lifetime", 5*time.Minute, "ends by itself after this long")
	flag.Parse()
	if err := run(*port, *kind, *address, *level, *lifetime); err != nil {
		fmt.Fprintln(os.Stderr, "registered:", err)
		os.Exit(1)
	}
}

func run(port int, kind, address, level string, lifetime time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, lifetime)
	defer cancel()
	if err := peers.Quiet(); err != nil {
		return err
	}
	graceful_shutdown.Init(graceful_shutdown.WithoutInternalSignal())
	registered := []registry.Option{registry.WithAddress(address)}
	if kind == "nacos" {
		registered = append(registered, registry.WithNacos())
	} else {
		registered = append(registered, registry.WithZookeeper())
	}
	if level == constant.RegistryTypeInterface {
		registered = append(registered, registry.WithRegisterInterface())
	} else {
		registered = append(registered, registry.WithRegisterService())
	}
	instance, err := dubbo.NewInstance(
		dubbo.WithName("go-"+level),
		dubbo.WithRemoteMetadata(),
		dubbo.WithRegistry(registered...),
		dubbo.WithProtocol(
			protocol.WithDubbo(), protocol.WithIp("127.0.0.1"), protocol.WithPort(port)))
	if err != nil {
		return err
	}
	srv, err := instance.NewServer()
	if err != nil {
		return err
	}
	err = srv.RegisterService(&UserProvider{}, server.WithInterface(peers.UserInterface))
	if err != nil {
		return err
	}
	return peers.Serve(ctx, srv.Serve)
}
