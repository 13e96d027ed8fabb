// Command provider serves the demo's Dubbo interfaces with dubbo-go, without a registry,
// and reports what it received.
//
// It answers GET /report on its admin address with the report so far, and prints the same
// report on standard output when it is told to end (SIGTERM, SIGINT or -lifetime).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
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
	_ "dubbo.apache.org/dubbo-go/v3/filter/token"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps"
	"dubbo.apache.org/dubbo-go/v3/global"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	"dubbo.apache.org/dubbo-go/v3/remoting/getty"
	"dubbo.apache.org/dubbo-go/v3/server"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// options are the command's flags.
type options struct {
	host      string
	port      int
	admin     string
	services  string
	mark      string
	heartbeat time.Duration
	lifetime  time.Duration
}

func main() {
	var opts options
	flag.StringVar(&opts.host, "host", "127.0.0.1", "address to bind")
	flag.IntVar(&opts.port, "port", 20000, "port of the dubbo protocol")
	flag.StringVar(&opts.admin, "admin", "127.0.0.1:20010", "host:port that answers GET /report")
	flag.StringVar(&opts.services, "services", "user,order", "what to export: user, order or both")
	flag.StringVar(&opts.mark, "mark", peers.MarkKey, "attachment, or attachment=value, of marked calls")
	flag.DurationVar(&opts.heartbeat, "heartbeat", time.Minute, "heartbeat period per connection")
	flag.DurationVar(&opts.lifetime, "lifetime", 5*time.Minute, "ends by itself after this long")
	flag.Parse()
	if err := run(opts); err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(1)
	}
}

// run serves until a signal comes or the lifetime is over, then prints the report.
func run(opts options) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, opts.lifetime)
	defer cancel()
	if err := peers.Quiet(); err != nil {
		return err
	}

	tally := peers.NewTally()
	failed := make(chan error, 2)
	if err := serveDubbo(opts, tally, failed); err != nil {
		return err
	}
	if err := serveAdmin(ctx, opts, tally, failed); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return tally.Report("provider").Write(os.Stdout)
	}
}

// serveDubbo exports the services and goes on serving them in the background. dubbo-go's own
// signal handling is off: it would take ten seconds to say goodbye and print nothing.
func serveDubbo(opts options, tally *peers.Tally, failed chan<- error) error {
	graceful_shutdown.Init(graceful_shutdown.WithoutInternalSignal())
	config := getty.GetDefaultServerConfig()
	config.HeartbeatPeriod = opts.heartbeat.String()
	getty.SetServerConfig(*config)
	registerTally(tally, opts.mark)

	// With local metadata, dubbo-go would first take the port on all addresses for itself.
	application := global.DefaultApplicationConfig()
	application.Name = "interop-provider"
	application.MetadataType = constant.RemoteMetadataStorageType
	srv, err := server.NewServer(server.SetServerApplication(application),
		server.WithServerProtocol(
			protocol.WithDubbo(), protocol.WithIp(opts.host), protocol.WithPort(opts.port)))
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(opts.services, ",") {
		if err := register(srv, name); err != nil {
			return err
		}
	}
	go func() { failed <- srv.Serve() }()
	return awaitListening(net.JoinHostPort(opts.host, strconv.Itoa(opts.port)))
}

// register exports one of the demo's services.
func register(srv *server.Server, name string) error {
	filters := server.WithFilter(serviceFilters)
	switch name {
	case "user":
		return srv.RegisterService(&UserProvider{}, filters, server.WithInterface(peers.UserInterface))
	case "order":
		return srv.RegisterService(&OrderProvider{}, filters,
			server.WithInterface(peers.OrderInterface),
			server.WithVersion(peers.OrderVersion), server.WithGroup(peers.OrderGroup))
	}
	return fmt.Errorf("no such service: %q", name)
}

// awaitListening waits until address takes connections, ten seconds at most.
func awaitListening(address string) error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("nothing listens on %s", address)
}

// serveAdmin answers GET /report in the background, until ctx ends. It starts last: who gets
// an answer knows that the services are there too.
func serveAdmin(ctx context.Context, opts options, tally *peers.Tally, failed chan<- error) error {
	listener, err := net.Listen("tcp", opts.admin)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "application/json")
		_ = tally.Report("provider").Write(out)
	})
	admin := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = admin.Close() })
	go func() {
		if err := admin.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return nil
}
