// Command tripleconsumer calls peers.TripleInterface with dubbo-go's Triple, without a registry, and
// prints how its calls ended as one line of JSON on standard output: a number for each method and
// status.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3/client"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failfast"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/triple"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

const patience = 5 * time.Second

func main() {
	address := flag.String("addr", "127.0.0.1:50051", "host:port of the service")
	calls := flag.Int("calls", 10, "how many calls of each kind to make")
	user := flag.String("user", "", "attachment end-user of all calls")
	timeout := flag.Duration("timeout", time.Minute, "patience for the whole run")
	flag.Parse()
	time.AfterFunc(*timeout, func() { os.Exit(3) })
	report, err := run(*address, *calls, *user)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tripleconsumer:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		os.Exit(1)
	}
}

// report is the number of calls by method, and by their status.
type report map[string]map[string]int

func run(address string, calls int, user string) (report, error) {
	if err := peers.Quiet(); err != nil {
		return nil, err
	}
	graceful_shutdown.Init(graceful_shutdown.WithoutInternalSignal())
	cli, err := client.NewClient(client.WithClientURL("tri://"+address),
		client.WithClientProtocolTriple(), client.WithClientClusterFailFast(),
		client.WithClientRetries(0), client.WithClientNoCheck(),
		client.WithClientRequestTimeout(patience))
	if err != nil {
		return nil, err
	}
	info := &client.ClientInfo{
		InterfaceName:        peers.TripleInterface,
		MethodNames:          []string{peers.Greet, peers.Gather, peers.Tell, peers.Talk},
		ConnectionInjectFunc: func(any, *client.Connection) {},
	}
	conn, err := cli.DialWithInfo(peers.TripleInterface, info,
		client.WithVersion(peers.TripleVersion), client.WithGroup(peers.TripleGroup))
	if err != nil {
		return nil, err
	}
	made := report{}
	count := func(method string, err error) {
		if made[method] == nil {
			made[method] = map[string]int{}
		}
		made[method][statusOf(err)]++
	}
	attachments := map[string]any{}
	if user != "" {
		attachments["end-user"] = user
	}
	for range calls {
		ctx := context.WithValue(context.Background(), constant.AttachmentKey, attachments)
		for _, name := range []string{"world", peers.Missing, peers.Broken} {
			answer := new(wrapperspb.StringValue)
			count(peers.Greet, conn.CallUnary(ctx, []any{peers.Text(name)}, answer, peers.Greet))
		}
		count(peers.Gather, gather(ctx, conn))
		count(peers.Tell, tell(ctx, conn))
		count(peers.Talk, talk(ctx, conn))
	}
	return made, nil
}

func statusOf(err error) string {
	if err == nil {
		return "OK"
	}
	var failed *triple_protocol.Error
	if errors.As(err, &failed) {
		return failed.Code().String()
	}
	return err.Error()
}

func gather(ctx context.Context, conn *client.Connection) error {
	made, err := conn.CallClientStream(ctx, peers.Gather)
	if err != nil {
		return err
	}
	stream := made.(*triple_protocol.ClientStreamForClient)
	for range peers.Messages {
		if err := stream.Send(peers.Text("gathered")); err != nil {
			return err
		}
	}
	return stream.CloseAndReceive(triple_protocol.NewResponse(new(wrapperspb.StringValue)))
}

func tell(ctx context.Context, conn *client.Connection) error {
	made, err := conn.CallServerStream(ctx, peers.Text("x"), peers.Tell)
	if err != nil {
		return err
	}
	stream := made.(*triple_protocol.ServerStreamForClient)
	for stream.Receive(new(wrapperspb.StringValue)) {
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return stream.Close()
}

func talk(ctx context.Context, conn *client.Connection) error {
	made, err := conn.CallBidiStream(ctx, peers.Talk)
	if err != nil {
		return err
	}
	stream := made.(*triple_protocol.BidiStreamForClient)
	for range peers.Messages {
		if err := stream.Send(peers.Text("talked")); err != nil {
			return err
		}
		if err := stream.Receive(new(wrapperspb.StringValue)); err != nil {
			return err
		}
	}
	if err := stream.CloseRequest(); err != nil {
		return err
	}
	if err := stream.Receive(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the last message: %w", err)
	}
	return stream.CloseResponse()
}
