// Command provider serves the demo's users with dubbo-go, whose own tracing is on, until SIGTERM.
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
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	_ "dubbo.apache.org/dubbo-go/v3/filter/accesslog"
	_ "dubbo.apache.org/dubbo-go/v3/filter/echo"
	_ "dubbo.apache.org/dubbo-go/v3/filter/exec_limit"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/filter/otel/trace"
	_ "dubbo.apache.org/dubbo-go/v3/filter/token"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps"
	"dubbo.apache.org/dubbo-go/v3/global"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	"dubbo.apache.org/dubbo-go/v3/server"
)

import (
	"dubbo-wasm-filter/interop/peers"
	"dubbo-wasm-filter/traced/tracing"
)

const filters = constant.OTELServerTraceKey + "," + constant.DefaultServiceFilters

// UserProvider is com.k8s.User.UserProvider.
type UserProvider struct{}

// GetUser answers a user with this id.
func (*UserProvider) GetUser(_ context.Context, id string) (*peers.User, error) {
	return &peers.User{ID: id, Name: "user-" + id, Time: time.Now()}, nil
}

func main() {
	port := flag.Int("port", 20000, "port of the dubbo protocol")
	otlp := flag.String("otlp", "127.0.0.1:4318", "host:port of a collector")
	propagator := flag.String("propagator", "w3c", "w3c or b3")
	lifetime := flag.Duration("lifetime", 5*time.Minute, "ends by itself after this long")
	flag.Parse()
	if err := run(*port, *otlp, *propagator, *lifetime); err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(1)
	}
}

func run(port int, otlp, propagator string, lifetime time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, lifetime)
	defer cancel()
	if err := peers.Quiet(); err != nil {
		return err
	}
	flush, err := tracing.Start("dubbo-go-provider", otlp, propagator)
	if err != nil {
		return err
	}
	graceful_shutdown.Init(graceful_shutdown.WithoutInternalSignal())
	// With local metadata, dubbo-go would first take the port on all addresses for itself.
	application := global.DefaultApplicationConfig()
	application.Name = "dubbo-go-provider"
	application.MetadataType = constant.RemoteMetadataStorageType
	srv, err := server.NewServer(server.SetServerApplication(application),
		server.WithServerProtocol(
			protocol.WithDubbo(), protocol.WithIp("127.0.0.1"), protocol.WithPort(port)))
	if err != nil {
		return err
	}
	err = srv.RegisterService(&UserProvider{}, server.WithFilter(filters),
		server.WithInterface(peers.UserInterface))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return flush()
	}
}
