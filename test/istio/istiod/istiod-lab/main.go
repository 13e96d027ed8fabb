// Command istiod-lab is the real istiod (istio.io/istio/pilot/pkg/bootstrap) without a cluster: its
// Kubernetes client is the in-memory one that Istio's own tests use.
//
// Istio's objects come from the YAML files of -config DIR, Kubernetes' (Namespace, Service,
// EndpointSlice, Pod, ...) and ServiceEntries from -k8s FILE; both are watched, and what changes is
// pushed to the proxies as it would be in a cluster. Proxies are served over TLS on -grpc, with a
// certificate of istiod's own authority for istiod.istio-system.svc; the authority's is written to
// -root-cert.
//
// What differs from istiod in a cluster: nothing admits objects (unknown fields are dropped without
// a word; a file that does not parse is told in the log and stops its whole folder), and who a proxy
// is, is believed without a check; see tokens.go.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"
	"unsafe"

	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pilot/pkg/config/kube/extensions"
	"istio.io/istio/pilot/pkg/config/kube/file"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/kube"
)

// domain is what Kubernetes ends the names of its Services with.
const domain = "cluster.local"

// options are the command's flags.
type options struct {
	config   string
	mesh     string
	k8s      string
	grpc     string
	http     string
	rootCert string
}

func main() {
	var opts options
	flag.StringVar(&opts.config, "config", "", "folder of Istio's objects, one or more per YAML file")
	flag.StringVar(&opts.mesh, "mesh", "", "file of the mesh's configuration")
	flag.StringVar(&opts.k8s, "k8s", "", "YAML file of Kubernetes' objects")
	flag.StringVar(&opts.grpc, "grpc", "127.0.0.1:15012", "host:port of xDS and certificates, over TLS")
	flag.StringVar(&opts.http, "http", "127.0.0.1:18080", "host:port of GET /ready and /debug/…")
	flag.StringVar(&opts.rootCert, "root-cert", "", "file to write the authority's certificate to")
	flag.Parse()
	if err := run(opts); err != nil {
		fmt.Fprintln(os.Stderr, "istiod-lab:", err)
		os.Exit(1)
	}
}

// run serves until SIGTERM or SIGINT.
func run(opts options) error {
	client := kube.NewFakeClient()
	if err := believeTokens(client.Kube()); err != nil {
		return err
	}
	if err := defineServiceEntries(client); err != nil {
		return err
	}
	objects, err := newObjects(client, opts.k8s)
	if err != nil {
		return err
	}
	args := pilotArgs(opts)
	if err := args.Complete(); err != nil {
		return err
	}
	var failed error
	server, err := bootstrap.NewServer(args, func(s *bootstrap.Server) {
		setKubeClient(s, client)
		addServiceEntries(s, client)
		failed = addWasmPlugins(s, args)
	})
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	stop := make(chan struct{})
	if err := server.Start(stop); err != nil {
		return err
	}
	root := server.CA.GetCAKeyCertBundle().GetRootCertPem()
	if err := os.WriteFile(opts.rootCert, root, 0o644); err != nil {
		return err
	}
	go objects.watch(stop)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM)
	<-told
	close(stop)
	server.WaitUntilCompletion()
	return nil
}

// pilotArgs are what pilot-discovery would get as its command line.
func pilotArgs(opts options) *bootstrap.PilotArgs {
	return bootstrap.NewPilotArgs(func(args *bootstrap.PilotArgs) {
		args.Namespace = "istio-system"
		args.MeshConfigFile = opts.mesh
		args.NetworksConfigFile = os.DevNull
		args.RegistryOptions.FileDir = opts.config
		args.RegistryOptions.KubeOptions.DomainSuffix = domain
		args.RegistryOptions.KubeOptions.ClusterID = "Kubernetes"
		args.RegistryOptions.Registries = []string{"Kubernetes"}
		args.ServerOptions.GRPCAddr = "127.0.0.1:0"
		args.ServerOptions.SecureGRPCAddr = opts.grpc
		args.ServerOptions.HTTPSAddr = "127.0.0.1:0"
		args.ServerOptions.HTTPAddr = opts.http
		args.ServerOptions.MonitoringAddr = "127.0.0.1:0"
		args.ServerOptions.TLSOptions.TLSMinVersion = bootstrap.TLSMinVersion1_2
		args.ShutdownDuration = time.Second
	})
}

// setKubeClient gives istiod its client: NewServer makes none where objects come from files, and
// then knows neither Services nor Pods. There is no other way to it than the unexported field.
func setKubeClient(s *bootstrap.Server, client kube.Client) {
	field := reflect.ValueOf(s).Elem().FieldByName("kubeClient")
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(client))
}

// addWasmPlugins has WasmPlugin objects read from files too; istiod itself translates only those that
// come from a cluster.
func addWasmPlugins(s *bootstrap.Server, args *bootstrap.PilotArgs) error {
	options := args.RegistryOptions
	store, err := file.NewController(options.FileDir, domain, collections.Pilot, options.KubeOptions)
	if err != nil {
		return err
	}
	s.ConfigStores = append(s.ConfigStores, extensions.NewController(store, &lateUpdater{server: s}, nil))
	return nil
}

// lateUpdater forwards pushes to the server's xDS part, which NewServer makes later than us.
type lateUpdater struct {
	model.XDSUpdater
	server *bootstrap.Server
}

// ConfigUpdate asks for a push.
func (late *lateUpdater) ConfigUpdate(request *model.PushRequest) {
	if late.server.XDSServer != nil {
		late.server.XDSServer.ConfigUpdate(request)
	}
}
