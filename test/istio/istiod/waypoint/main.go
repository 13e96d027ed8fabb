// Command waypoint says what istiod would have a waypoint do, without a cluster:
//
//	waypoint FILE.yaml…
//
// The files have Kubernetes' and Istio's objects: a waypoint's Gateway, Service and, in the place of its Pod, a
// WorkloadEntry (../../lab/waypoint.yaml), Services that use it, and extensions. It prints JSON: by filter
// chain of the listener main_internal the names of its network filters.
//
// Needs PILOT_ENABLE_AMBIENT=true. The proxy and istiod are those of Istio's own tests.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"istio.io/api/label"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/mesh"
	istiolog "istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

const (
	namespace = "mesh-demo"
	// address is that of the waypoint's WorkloadEntry.
	address  = "10.244.0.200"
	listener = "main_internal"
)

func main() {
	options := istiolog.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	err := istiolog.Configure(options)
	if err == nil {
		err = run(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "waypoint:", err)
		os.Exit(1)
	}
}

func run(files []string) error {
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		texts = append(texts, string(text))
	}
	objects := strings.Join(texts, "\n---\n")
	var found map[string][]string
	if err := test.Wrap(func(t test.Failer) { found = chains(t, objects) }); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// chains gives the names of the filters in each chain.
func chains(t test.Failer, objects string) map[string][]string {
	// What istiod has of ambient reads Kubernetes' objects, all else Istio's: each gets all.
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		ConfigString:           objects,
		KubernetesObjectString: objects,
		MeshConfig:             mesh.DefaultMeshConfig(),
	})
	proxy := server.SetupProxy(&model.Proxy{
		Type:            model.Waypoint,
		ConfigNamespace: namespace,
		Labels: map[string]string{
			label.IoK8sNetworkingGatewayGatewayName.Name: "waypoint",
			label.GatewayManaged.Name:                    constants.ManagedGatewayMeshControllerLabel,
		},
		IPAddresses: []string{address},
	})
	found := map[string][]string{}
	for _, one := range server.Listeners(proxy) {
		if one.Name != listener {
			continue
		}
		for _, chain := range one.FilterChains {
			names := []string{}
			for _, filter := range chain.Filters {
				names = append(names, filter.Name)
			}
			found[chain.Name] = names
		}
	}
	return found
}
