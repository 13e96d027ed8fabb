package main

import (
	"context"
	"fmt"
)

import (
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
	"dubbo.apache.org/dubbo-go/v3/server"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// The user service of the ways past an authorization (test/frames/bypasses.ts): GetUser of the service without
// group and version may be called, and nothing else. Messages are google.protobuf.StringValue.
const (
	users         = "com.k8s.User.UserProvider"
	canaryGroup   = "canary"
	canaryVersion = "2.0.0"
)

// registerUsers serves the user service twice: plainly, and in a group and version of its own.
func registerUsers(srv *server.Server) error {
	plain := usersInfo(map[string]string{"SetUser": "SetUser"})
	canary := usersInfo(map[string]string{"SetUser": "SetUser of canary", "GetUser": "GetUser of canary"})
	if err := srv.Register(&Users{}, plain, server.WithInterface(users)); err != nil {
		return err
	}
	return srv.Register(&Canary{}, canary, server.WithInterface(users),
		server.WithVersion(canaryVersion), server.WithGroup(canaryGroup))
}

// Users is what dubbo-go's registration asks for: a type of its own for each service.
type Users struct{}

// Canary is the same for the other group and version.
type Canary struct{ Users }

// GetUser is never called: usersInfo says how calls reach the service.
func (*Users) GetUser(
	_ context.Context, request *wrapperspb.StringValue,
) (*wrapperspb.StringValue, error) {
	return request, nil
}

// usersInfo is the service; forbidden has what is printed, a line for each call of a method that nobody may make.
func usersInfo(forbidden map[string]string) *common.ServiceInfo {
	text := func() any { return new(wrapperspb.StringValue) }
	method := func(name string) common.MethodInfo {
		return common.MethodInfo{
			Name: name, Type: constant.CallUnary, ReqInitFunc: text,
			MethodFunc: func(_ context.Context, _ []any, _ any) (any, error) {
				if line := forbidden[name]; line != "" {
					fmt.Println("forbidden:", line)
				}
				return triple_protocol.NewResponse(peers.Text("served")), nil
			},
		}
	}
	return &common.ServiceInfo{
		InterfaceName: users,
		ServiceType:   (*any)(nil),
		Methods:       []common.MethodInfo{method("GetUser"), method("SetUser")},
	}
}
