// Command analyze reads Kubernetes objects as an API server would and analyzes them as Istio does:
//
//	analyze FILE.yaml…
//
// It prints {"decode": […], "analyze": […]}. The former are objects that are not exactly what
// Kubernetes' and Istio's own types say: an unknown version of a kind, an unknown field, a value of the
// wrong type (inside the spec of Istio's kinds it is istioctl validate that looks). The latter are what
// `istioctl analyze -A` says with a cluster. Without one istioctl leaves out everything that needs
// Services, Pods, Deployments or Namespaces; here they come from the files.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/kube"
	istiolog "istio.io/istio/pkg/log"
)

const istioNamespace = "istio-system"

// refused is an object that does not decode.
type refused struct {
	File string `json:"file"`
	// Its place among the file's objects, from 0 on.
	Object int    `json:"object"`
	Error  string `json:"error"`
}

// report is what is printed.
type report struct {
	Decode  []refused     `json:"decode"`
	Analyze diag.Messages `json:"analyze"`
}

func main() {
	out, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "analyze:", err)
		os.Exit(1)
	}
}

func run(files []string) (*report, error) {
	// Its log goes to standard output by default.
	options := istiolog.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	if err := istiolog.Configure(options); err != nil {
		return nil, err
	}
	out := &report{Decode: []refused{}, Analyze: diag.Messages{}}
	var sources []local.ReaderSource
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects, err := decode(file, text)
		if err != nil {
			return nil, err
		}
		out.Decode = append(out.Decode, objects...)
		sources = append(sources, local.ReaderSource{Name: file, Reader: bytes.NewReader(text)})
	}
	messages, err := analyze(sources)
	if err != nil {
		return nil, err
	}
	out.Analyze = append(out.Analyze, messages...)
	return out, nil
}

// decode gives the objects of a file that are not what their types say.
func decode(file string, text []byte) ([]refused, error) {
	codecs := serializer.NewCodecFactory(kube.IstioScheme, serializer.EnableStrict)
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var all []refused
	for object := 0; ; object++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if _, _, err := codecs.UniversalDeserializer().Decode(document, nil, nil); err != nil {
			all = append(all, refused{file, object, err.Error()})
		}
	}
}

// analyze runs all of Istio's analyzers, in all namespaces.
func analyze(sources []local.ReaderSource) (diag.Messages, error) {
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(""), istioNamespace, nil)
	// Called first, this one decides which kinds are taken from files: with it all, without it only
	// Istio's own. It is Istio's for its own tests.
	if err := analyzer.AddTestReaderKubeSource(sources); err != nil {
		return nil, err
	}
	// The ingress gateway of Istio's default profile.
	if err := analyzer.AddDefaultResources(); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		return nil, err
	}
	if len(result.SkippedAnalyzers) > 0 {
		return nil, fmt.Errorf("skipped: %v", result.SkippedAnalyzers)
	}
	return result.Messages, nil
}
