package main

import (
	"context"
	"fmt"
	"time"
)

import (
	hessian "github.com/apache/dubbo-go-hessian2"

	"dubbo.apache.org/dubbo-go/v3/client"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failfast"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	"dubbo.apache.org/dubbo-go/v3/remoting/getty"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// generic is the part of dubbo-go's generic service that is used here.
type generic func(
	ctx context.Context, method string, types []string, args []hessian.Object,
) (any, error)

// services are the references that the calls go through.
type services struct {
	user        *client.Connection
	order       *client.Connection
	userGeneric generic
	callTimeout time.Duration
}

// dial makes the references. A call is sent once and never again: no retries, fail fast, so
// that what is counted here is what was on the wire. Where nobody listens, dubbo-go panics
// after two tries of three seconds; that becomes an error here.
func dial(opts options) (made *services, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("cannot reach the provider: %v", panicked)
		}
	}()
	graceful_shutdown.Init(graceful_shutdown.WithoutInternalSignal())
	config := getty.GetDefaultClientConfig()
	config.ConnectionNum = opts.connections
	config.HeartbeatPeriod = opts.heartbeat.String()
	getty.SetClientConf(*config)

	made = &services{callTimeout: opts.callTimeout}
	user, err := newClient(opts.callTimeout, opts.userAddress)
	if err != nil {
		return nil, err
	}
	if made.user, err = user.Dial(peers.UserInterface); err != nil {
		return nil, fmt.Errorf("dial %s: %w", peers.UserInterface, err)
	}
	order, err := newClient(opts.callTimeout, opts.orderAddress)
	if err != nil {
		return nil, err
	}
	made.order, err = order.Dial(peers.OrderInterface,
		client.WithVersion(peers.OrderVersion), client.WithGroup(peers.OrderGroup))
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", peers.OrderInterface, err)
	}
	service, err := user.NewGenericService(peers.UserInterface)
	if err != nil {
		return nil, fmt.Errorf("dial %s for generic calls: %w", peers.UserInterface, err)
	}
	made.userGeneric = service.Invoke
	return made, nil
}

// newClient makes a client for one address. The options of a reference leak into the client's
// next ones (version and group as much as generic), so no two services share a client, and
// the generic reference comes last.
func newClient(callTimeout time.Duration, address string) (*client.Client, error) {
	return client.NewClient(
		client.WithClientURL("dubbo://"+address), client.WithClientProtocolDubbo(),
		client.WithClientSerialization(constant.Hessian2Serialization),
		client.WithClientClusterFailFast(), client.WithClientRetries(0), client.WithClientNoCheck(),
		client.WithClientRequestTimeout(callTimeout))
}
