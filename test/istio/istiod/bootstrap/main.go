// Command bootstrap prints the configuration with which Istio would start a pod's Envoy: rendered by
// Istio's own code from Istio's own template.
//
// The pod is a JSON object on standard input; all of its fields may be absent:
//
//	{"name": "a", "namespace": "b", "ip": "10.0.0.1", "labels": {…}, "annotations": {…},
//	 "proxyConfig": {…}, "env": {"ISTIO_META_…": "…"}}
//
// proxyConfig is what the mesh's defaultConfig and the annotation proxy.istio.io/config are made of.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"istio.io/istio/pkg/bootstrap"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/util/protomarshal"
)

// pod is what a sidecar is told of its pod.
type pod struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	IP          string            `json:"ip"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	ProxyConfig json.RawMessage   `json:"proxyConfig"`
	Env         map[string]string `json:"env"`
}

func main() {
	template := flag.String("template", "", "Istio's tools/packaging/common/envoy_bootstrap.json; "+
		"envoy_bootstrap.json beside this command unless given")
	flag.Parse()
	if err := run(*template, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bootstrap:", err)
		os.Exit(1)
	}
}

func run(template string, in io.Reader, out io.Writer) error {
	if template == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		template = filepath.Join(filepath.Dir(self), "envoy_bootstrap.json")
	}
	decoder := json.NewDecoder(in)
	decoder.DisallowUnknownFields()
	given := pod{Name: "pod", Namespace: "default", IP: "127.0.0.1"}
	if err := decoder.Decode(&given); err != nil {
		return err
	}
	proxyConfig := mesh.DefaultProxyConfig()
	if len(given.ProxyConfig) > 0 {
		if err := protomarshal.Unmarshal(given.ProxyConfig, proxyConfig); err != nil {
			return err
		}
	}
	// The part of the sidecar's environment that the injector writes the same for all.
	environment := []string{
		"POD_NAME=" + given.Name,
		"POD_NAMESPACE=" + given.Namespace,
		"ISTIO_META_CLUSTER_ID=Kubernetes",
		"ISTIO_META_INTERCEPTION_MODE=REDIRECT",
	}
	for name, value := range given.Env {
		environment = append(environment, name+"="+value)
	}
	node, err := bootstrap.GetNodeMetaData(bootstrap.MetadataOptions{
		ID: fmt.Sprintf("sidecar~%s~%s.%s~%s.svc.cluster.local",
			given.IP, given.Name, given.Namespace, given.Namespace),
		Envs:                environment,
		InstanceIPs:         []string{given.IP},
		ProxyConfig:         proxyConfig,
		EnvoyStatusPort:     15021,
		EnvoyPrometheusPort: 15090,
	})
	if err != nil {
		return err
	}
	// In a pod it reads these from files which Kubernetes writes.
	node.Metadata.Labels, node.Metadata.Annotations = given.Labels, given.Annotations
	return bootstrap.New(bootstrap.Config{Node: node}).WriteTo(template, out)
}
