// Command tripleprovider serves peers.TripleInterface and the user service with dubbo-go's Triple, without a registry,
// until SIGTERM or SIGINT.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3/common"
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
	_ "dubbo.apache.org/dubbo-go/v3/protocol/triple"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	"dubbo.apache.org/dubbo-go/v3/server"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

func main() {
	host := flag.String("host", "127.0.0.1", "address to bind")
	port := flag.Int("port", 50051, "port of the Triple protocol")
	lifetime := flag.Duration("lifetime", 5*time.Minute, "ends by itself after this long")
	flag.Parse()
	if err := run(*host, *port, *lifetime); err != nil {
		fmt.Fprintln(os.Stderr, "tripleprovider:", err)
		os.Exit(1)
	}
}

func run(host string, port int, lifetime time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, lifetime)
	defer cancel()
	if err := peers.Quiet(); err != nil {
		return err
	}
	graceful_shutdown.Init(graceful_shutdown.WithoutInternalSignal())
	application := global.DefaultApplicationConfig()
	application.Name = "interop-triple-provider"
	// With local metadata, dubbo-go would first take the port on all addresses for itself.
	application.MetadataType = constant.RemoteMetadataStorageType
	srv, err := server.NewServer(server.SetServerApplication(application),
		server.WithServerProtocol(
			protocol.WithTriple(), protocol.WithIp(host), protocol.WithPort(port)))
	if err != nil {
		return err
	}
	err = srv.Register(&Handler{}, serviceInfo(), server.WithInterface(peers.TripleInterface),
		server.WithVersion(peers.TripleVersion), server.WithGroup(peers.TripleGroup))
	if err != nil {
		return err
	}
	if err := registerUsers(srv); err != nil {
		return err
	}
	return peers.Serve(ctx, srv.Serve)
}

// Handler is what dubbo-go's registration asks for: an exported type with an exported method. How
// calls reach it is in serviceInfo.
type Handler struct{}

// serviceInfo is what protoc-gen-triple would generate.
func serviceInfo() *common.ServiceInfo {
	text := func() any { return new(wrapperspb.StringValue) }
	same := func(stream any) any { return stream }
	return &common.ServiceInfo{
		InterfaceName: peers.TripleInterface,
		ServiceType:   (*any)(nil),
		Methods: []common.MethodInfo{
			{Name: peers.Greet, Type: constant.CallUnary, ReqInitFunc: text, MethodFunc: greet},
			{Name: peers.Gather, Type: constant.CallClientStream, StreamInitFunc: same, MethodFunc: gather},
			{Name: peers.Tell, Type: constant.CallServerStream, ReqInitFunc: text, StreamInitFunc: same, MethodFunc: tell},
			{Name: peers.Talk, Type: constant.CallBidiStream, StreamInitFunc: same, MethodFunc: talk},
		},
	}
}

// Greet answers the unary call.
func (*Handler) Greet(
	ctx context.Context, request *wrapperspb.StringValue,
) (*wrapperspb.StringValue, error) {
	name := request.GetValue()
	switch name {
	case peers.Missing:
		return nil, triple_protocol.NewError(triple_protocol.CodeNotFound, errors.New("no such name"))
	case peers.Broken:
		return nil, errors.New("as asked")
	}
	if name == peers.EchoID {
		name = peers.Echo(ctx, "")
	}
	return peers.Text("Hello " + name), nil
}

func greet(ctx context.Context, args []any, service any) (any, error) {
	answer, err := service.(*Handler).Greet(ctx, args[0].(*wrapperspb.StringValue))
	if err != nil {
		return nil, err
	}
	return triple_protocol.NewResponse(answer), nil
}

func gather(_ context.Context, args []any, _ any) (any, error) {
	stream := args[0].(*triple_protocol.ClientStream)
	count := 0
	for stream.Receive(new(wrapperspb.StringValue)) {
		count++
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	return triple_protocol.NewResponse(peers.Text(fmt.Sprint(count))), nil
}

func tell(_ context.Context, args []any, _ any) (any, error) {
	stream := args[1].(*triple_protocol.ServerStream)
	for range peers.Messages {
		if err := stream.Send(peers.Text("told")); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func talk(_ context.Context, args []any, _ any) (any, error) {
	stream := args[0].(*triple_protocol.BidiStream)
	for {
		message := new(wrapperspb.StringValue)
		err := stream.Receive(message)
		if triple_protocol.IsEnded(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if err := stream.Send(message); err != nil {
			return nil, err
		}
	}
}
