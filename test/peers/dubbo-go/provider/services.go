package main

import (
	"context"
	"fmt"
	"time"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// UserProvider is com.k8s.User.UserProvider.
type UserProvider struct{}

// GetUser answers by id: nothing, a business exception, or a user, perhaps slowly.
func (*UserProvider) GetUser(ctx context.Context, id string) (*peers.User, error) {
	time.Sleep(peers.WaitOf(id))
	switch id {
	case peers.NullID:
		return nil, nil
	case peers.ErrorID:
		return nil, fmt.Errorf("no user has the id %q", id)
	}
	name := "user-" + id
	if id == peers.EchoID {
		name = peers.Echo(ctx, "")
	}
	return describeUser(&peers.User{ID: id, Name: name}), nil
}

// SetUser gives the user back with this provider's name on it.
func (*UserProvider) SetUser(_ context.Context, user *peers.User) (*peers.User, error) {
	stored := *user
	return describeUser(&stored), nil
}

// describeUser fills in what tells the demo's copies apart.
func describeUser(user *peers.User) *peers.User {
	user.PodName, user.PodNamespace, user.PodIP = "user-provider-0", "mesh-demo", "127.0.0.1"
	user.Service, user.Type, user.Time = "user-provider", "dubbo-go", time.Now()
	return user
}

// OrderProvider is com.k8s.Order.OrderProvider.
type OrderProvider struct{}

// GetOrder answers by id: nothing, a business exception, or an order, perhaps slowly.
func (*OrderProvider) GetOrder(_ context.Context, id string) (*peers.Order, error) {
	time.Sleep(peers.WaitOf(id))
	switch id {
	case peers.NullID:
		return nil, nil
	case peers.ErrorID:
		return nil, fmt.Errorf("no order has the id %q", id)
	}
	return describeOrder(&peers.Order{ID: id, Name: "order-" + id}), nil
}

// SetOrder gives the order back with this provider's name on it.
func (*OrderProvider) SetOrder(_ context.Context, order *peers.Order) (*peers.Order, error) {
	stored := *order
	return describeOrder(&stored), nil
}

// describeOrder fills in what tells the demo's copies apart.
func describeOrder(order *peers.Order) *peers.Order {
	order.PodName, order.PodNamespace, order.PodIP = "order-provider-0", "mesh-demo", "127.0.0.1"
	order.Service, order.Type, order.Time = "order-provider", "dubbo-go", time.Now()
	return order
}
