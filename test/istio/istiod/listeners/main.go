// Command listeners prints the listeners that istiod would give a proxy, without a cluster:
//
//	listeners [-waypoint] FILE.yaml…
//
// The files have Kubernetes' and Istio's objects: Services, extensions, Telemetries, and for a waypoint its
// Gateway, Service and, in the place of its Pod, a WorkloadEntry (../../lab/waypoint.yaml). It prints a JSON
// list, each listener as https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener.proto
// has it. The proxy is a sidecar of the namespace mesh-demo, or with -waypoint that namespace's waypoint.
//
// A waypoint needs PILOT_ENABLE_AMBIENT=true. The proxy and istiod are those of Istio's own tests.
package main

import (
	"encoding/json"
	"flag"
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
	"istio.io/istio/pkg/util/protomarshal"
)

const (
	namespace = "mesh-demo"
	// address is that of the waypoint's WorkloadEntry.
	address = "10.244.0.200"
)

func main() {
	isWaypoint := flag.Bool("waypoint", false, "the proxy is a waypoint, not a sidecar")
	flag.Parse()
	options := istiolog.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	err := istiolog.Configure(options)
	if err == nil {
		err = run(*isWaypoint, flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "listeners:", err)
		os.Exit(1)
	}
}

func run(isWaypoint bool, files []string) error {
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		texts = append(texts, string(text))
	}
	found := []json.RawMessage{}
	err := test.Wrap(func(t test.Failer) {
		objects := strings.Join(texts, "\n---\n")
		// What istiod has of ambient reads Kubernetes' objects, all else Istio's: each gets all.
		server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
			ConfigString:           objects,
			KubernetesObjectString: objects,
			MeshConfig:             mesh.DefaultMeshConfig(),
		})
		for _, listener := range server.Listeners(server.SetupProxy(proxy(isWaypoint))) {
			text, err := protomarshal.Marshal(listener)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, text)
		}
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func proxy(isWaypoint bool) *model.Proxy {
	if !isWaypoint {
		return &model.Proxy{
			Type:            model.SidecarProxy,
			ConfigNamespace: namespace,
			Metadata:        &model.NodeMetadata{Namespace: namespace},
			IPAddresses:     []string{"10.244.0.201"},
		}
	}
	return &model.Proxy{
		Type:            model.Waypoint,
		ConfigNamespace: namespace,
		Labels: map[string]string{
			label.IoK8sNetworkingGatewayGatewayName.Name: "waypoint",
			label.GatewayManaged.Name:                    constants.ManagedGatewayMeshControllerLabel,
		},
		IPAddresses: []string{address},
	}
}
