// Command registry serves one image, a Wasm module as Istio's agent expects it: one layer with one
// file called plugin.wasm. It stands in for the registry of a WasmPlugin's `url: oci://…`. The image is
// made of the module, in Docker's media types, or it is the first one of an OCI image layout.
//
// When the image can be pulled, by HTTP without TLS, it prints the image's digest as one line, e.g.
// "sha256:12ab…", and serves until it is killed.
// https://github.com/solo-io/wasm/blob/master/spec/spec-compat.md
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5000", "host:port of the registry")
	image := flag.String("image", "dubbo-wasm-filter:0.2.0", "name and tag of the image")
	wasm := flag.String("wasm", "", "the module")
	folder := flag.String("layout", "", "folder of an OCI image layout, instead of a module")
	flag.Parse()
	if err := run(*listen, *image, *wasm, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func run(listen, image, wasm, folder string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	server := &http.Server{Handler: registry.New(quiet), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	made, err := imageOf(wasm, folder)
	if err != nil {
		return err
	}
	digest, err := push(listen+"/"+image, made)
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return <-failed
}

// imageOf reads the layout's image, or makes one of the module where there is no layout.
func imageOf(wasm, folder string) (v1.Image, error) {
	if folder != "" {
		index, err := layout.ImageIndexFromPath(folder)
		if err != nil {
			return nil, err
		}
		list, err := index.IndexManifest()
		if err != nil {
			return nil, err
		}
		if len(list.Manifests) == 0 {
			return nil, fmt.Errorf("%s: no image in it", folder)
		}
		return index.Image(list.Manifests[0].Digest)
	}
	module, err := os.ReadFile(wasm)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return archive(module) })
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(empty.Image, layer)
}

// push pushes the image; gives its digest.
func push(image string, made v1.Image) (v1.Hash, error) {
	reference, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := remote.Write(reference, made); err != nil {
		return v1.Hash{}, err
	}
	return made.Digest()
}

// archive is a tar file with the module in it.
func archive(module []byte) (io.ReadCloser, error) {
	var content bytes.Buffer
	writer := tar.NewWriter(&content)
	head := &tar.Header{Name: "plugin.wasm", Mode: 0o644, Size: int64(len(module))}
	if err := writer.WriteHeader(head); err != nil {
		return nil, err
	}
	if _, err := writer.Write(module); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return io.NopCloser(&content), nil
}
