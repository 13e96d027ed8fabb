// Command consumer makes one call with dubbo-go, whose own tracing is on, and prints the trace's id.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3/client"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failfast"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/filter/otel/trace"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	"go.opentelemetry.io/otel"
)

import (
	"dubbo-wasm-filter/interop/peers"
	"dubbo-wasm-filter/traced/tracing"
)

const (
	filters  = constant.OTELClientTraceKey + "," + constant.DefaultReferenceFilters
	patience = 5 * time.Second
)

func main() {
	addr := flag.String("addr", "127.0.0.1:20000", "host:port of the provider")
	otlp := flag.String("otlp", "127.0.0.1:4318", "host:port of a collector")
	propagator := flag.String("propagator", "w3c", "w3c or b3")
	flag.Parse()
	if err := run(*addr, *otlp, *propagator); err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

func run(addr, otlp, propagator string) error {
	if err := peers.Quiet(); err != nil {
		return err
	}
	flush, err := tracing.Start("dubbo-go-consumer", otlp, propagator)
	if err != nil {
		return err
	}
	graceful_shutdown.Init(graceful_shutdown.WithoutInternalSignal())
	made, err := client.NewClient(
		client.WithClientURL("dubbo://"+addr), client.WithClientProtocolDubbo(),
		client.WithClientSerialization(constant.Hessian2Serialization),
		client.WithClientClusterFailFast(), client.WithClientRetries(0), client.WithClientNoCheck(),
		client.WithClientRequestTimeout(patience))
	if err != nil {
		return err
	}
	users, err := made.Dial(peers.UserInterface, client.WithFilter(filters))
	if err != nil {
		return err
	}
	ctx, span := otel.Tracer("consumer").Start(context.Background(), "ask")
	var user peers.User
	err = users.CallUnary(ctx, []any{"7"}, &user, "GetUser",
		client.WithCallRequestTimeout(patience), client.WithCallRetries(0))
	span.End()
	if err != nil {
		return err
	}
	if user.ID != "7" {
		return fmt.Errorf("asked for user 7, got %q", user.ID)
	}
	fmt.Println(span.SpanContext().TraceID())
	return flush()
}
