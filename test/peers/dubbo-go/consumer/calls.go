package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

import (
	hessian "github.com/apache/dubbo-go-hessian2"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// outcome is how a call ended, or must end.
type outcome string

const (
	answered  outcome = "ok"
	nothing   outcome = "null"
	exception outcome = "exception"
	failure   outcome = "error"
	unwaited  outcome = "oneway"
)

// call makes one call with the given number and says whether a value came back.
type call func(ctx context.Context, made *services, number int) (value bool, err error)

// kind is one kind of call: how often it is chosen, how it must end, and how it is made.
type kind struct {
	key    peers.Key
	weight int
	want   outcome
	call   call
}

var (
	getUser    = peers.Key{Interface: peers.UserInterface, Method: "GetUser"}
	setUser    = peers.Key{Interface: peers.UserInterface, Method: "SetUser"}
	echoUser   = peers.Key{Interface: peers.UserInterface, Method: constant.Echo}
	invokeUser = peers.Key{
		Interface: peers.UserInterface, Method: constant.Generic, Target: "GetUser",
	}
	getOrder = peers.Key{
		Interface: peers.OrderInterface, Method: "GetOrder",
		Version: peers.OrderVersion, Group: peers.OrderGroup,
	}
	setOrder = peers.Key{
		Interface: peers.OrderInterface, Method: "SetOrder",
		Version: peers.OrderVersion, Group: peers.OrderGroup,
	}
	lostOrder = peers.Key{
		Interface: peers.OrderInterface, Method: "LoseOrder",
		Version: peers.OrderVersion, Group: peers.OrderGroup,
	}
)

// kinds are all kinds of call. The provider has no LoseOrder.
var kinds = []kind{
	{getUser, 30, answered, callGetUser(func(n int) string { return strconv.Itoa(n) })},
	{getUser, 5, nothing, callGetUser(func(int) string { return peers.NullID })},
	{getUser, 5, exception, callGetUser(func(int) string { return peers.ErrorID })},
	{getUser, 2, answered, callGetUser(slowID)},
	{getUser, 4, unwaited, callGetUser(func(n int) string { return strconv.Itoa(n) })},
	{setUser, 15, answered, callSetUser},
	{setUser, 5, unwaited, callSetUser},
	{invokeUser, 5, answered, callGeneric(func(n int) string { return strconv.Itoa(n) })},
	{invokeUser, 2, exception, callGeneric(func(int) string { return peers.ErrorID })},
	{echoUser, 2, answered, callEcho},
	{getOrder, 15, answered, callGetOrder(func(n int) string { return strconv.Itoa(n) })},
	{getOrder, 3, nothing, callGetOrder(func(int) string { return peers.NullID })},
	{getOrder, 3, exception, callGetOrder(func(int) string { return peers.ErrorID })},
	{getOrder, 2, answered, callGetOrder(slowID)},
	{setOrder, 10, answered, callSetOrder},
	{setOrder, 5, unwaited, callSetOrder},
	{lostOrder, 2, exception, callLoseOrder},
}

// plain says whether every provider of the demo answers calls of this kind as wanted: those of
// the demo itself know no special ids, no generic calls, and no dubbo-go.
func (k *kind) plain() bool {
	return k.key.Target == "" && (k.want == answered || k.want == unwaited)
}

// plan chooses count calls: each kind once, as far as count goes, then by weight; shuffled.
func plan(count int, seed uint64, plainOnly bool) []*kind {
	random := rand.New(rand.NewPCG(seed, seed))
	var allowed, byWeight []*kind
	for i := range kinds {
		if plainOnly && !kinds[i].plain() {
			continue
		}
		allowed = append(allowed, &kinds[i])
		for range kinds[i].weight {
			byWeight = append(byWeight, &kinds[i])
		}
	}
	chosen := make([]*kind, 0, count)
	for i := range count {
		if i < len(allowed) {
			chosen = append(chosen, allowed[i])
		} else {
			chosen = append(chosen, byWeight[random.IntN(len(byWeight))])
		}
	}
	random.Shuffle(count, func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen
}

// slowID asks for an answer after 50 to 250 ms.
func slowID(number int) string {
	return peers.SlowID(time.Duration(50+number%5*50) * time.Millisecond)
}

func callGetUser(id func(int) string) call {
	return func(ctx context.Context, made *services, number int) (bool, error) {
		var user peers.User
		err := made.unary(ctx, made.user, "GetUser", id(number), &user)
		return user.ID != "", err
	}
}

func callSetUser(ctx context.Context, made *services, number int) (bool, error) {
	var user peers.User
	sent := &peers.User{ID: strconv.Itoa(number), Name: "Zoë 張 🙂", Time: time.Now()}
	err := made.unary(ctx, made.user, "SetUser", sent, &user)
	return user.ID == sent.ID && user.Name == sent.Name, err
}

func callEcho(ctx context.Context, made *services, number int) (bool, error) {
	var echo string
	sent := fmt.Sprintf("echo %d", number)
	err := made.unary(ctx, made.user, constant.Echo, sent, &echo)
	return echo == sent, err
}

func callGeneric(id func(int) string) call {
	return func(ctx context.Context, made *services, number int) (bool, error) {
		args := []hessian.Object{id(number)}
		user, err := made.userGeneric(ctx, "GetUser", []string{"java.lang.String"}, args)
		return user != nil, err
	}
}

func callGetOrder(id func(int) string) call {
	return func(ctx context.Context, made *services, number int) (bool, error) {
		var order peers.Order
		err := made.unary(ctx, made.order, "GetOrder", id(number), &order)
		return order.ID != "", err
	}
}

func callSetOrder(ctx context.Context, made *services, number int) (bool, error) {
	var order peers.Order
	sent := &peers.Order{ID: strconv.Itoa(number), Name: "book", Time: time.Now()}
	err := made.unary(ctx, made.order, "SetOrder", sent, &order)
	return order.ID == sent.ID, err
}

func callLoseOrder(ctx context.Context, made *services, number int) (bool, error) {
	var order peers.Order
	err := made.unary(ctx, made.order, "LoseOrder", strconv.Itoa(number), &order)
	return order.ID != "", err
}

// unary makes a call with one argument.
func (s *services) unary(
	ctx context.Context, service *client.Connection, method string, argument, reply any,
) error {
	return service.CallUnary(ctx, []any{argument}, reply, method,
		client.WithCallRequestTimeout(s.callTimeout), client.WithCallRetries(0))
}
