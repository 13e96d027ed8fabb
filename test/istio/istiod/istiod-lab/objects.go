package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	clienttesting "k8s.io/client-go/testing"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	"istio.io/istio/pkg/kube"
)

// lookEvery is how often the file is looked at. Its writer renames a whole new one into its place.
const lookEvery = 100 * time.Millisecond

// tracked is the part of an in-memory client that holds its objects and tells watchers of changes.
type tracked interface {
	Tracker() clienttesting.ObjectTracker
}

// key says which object it is.
type key struct {
	resource  schema.GroupVersionResource
	namespace string
	name      string
}

// objects keeps what the in-memory client holds equal to what the file says.
type objects struct {
	// Kubernetes' own, and Istio's.
	kube  clienttesting.ObjectTracker
	istio clienttesting.ObjectTracker
	path  string
	read  time.Time
	known map[key]bool
}

// newObjects reads the file for the first time.
func newObjects(client kube.Client, path string) (*objects, error) {
	kubeMemory, ok := client.Kube().(tracked)
	if !ok {
		return nil, fmt.Errorf("not an in-memory client: %T", client.Kube())
	}
	istioMemory, ok := client.Istio().(tracked)
	if !ok {
		return nil, fmt.Errorf("not an in-memory client: %T", client.Istio())
	}
	all := &objects{
		kube:  kubeMemory.Tracker(),
		istio: istioMemory.Tracker(),
		path:  path,
		known: map[key]bool{},
	}
	return all, all.sync()
}

// watch reads the file again when it was replaced, until stop. A file that cannot be read is told in
// the log, and changes nothing.
func (all *objects) watch(stop <-chan struct{}) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			if err := all.sync(); err != nil {
				log.Printf("Failed to parse %s: %v", all.path, err)
			}
		}
	}
}

// sync creates, updates and deletes what the file makes different.
func (all *objects) sync() error {
	info, err := os.Stat(all.path)
	if err != nil || info.ModTime().Equal(all.read) {
		return err
	}
	all.read = info.ModTime()
	found, err := load(all.path)
	if err != nil {
		return err
	}
	now := map[key]bool{}
	for _, object := range found {
		id, err := keyOf(object)
		if err != nil {
			return err
		}
		now[id] = true
		put := all.create
		if all.known[id] {
			put = all.update
		}
		if err := put(id, object); err != nil {
			return err
		}
	}
	for id := range all.known {
		if !now[id] {
			if err := all.tracker(id).Delete(id.resource, id.namespace, id.name); err != nil {
				return err
			}
		}
	}
	all.known = now
	return nil
}

func (all *objects) create(id key, object runtime.Object) error {
	return all.tracker(id).Create(id.resource, object, id.namespace)
}

// update leaves the status of a ServiceEntry as it is: istiod has written it, and the file has none.
func (all *objects) update(id key, object runtime.Object) error {
	if entry, ok := object.(*networking.ServiceEntry); ok {
		before, err := all.tracker(id).Get(id.resource, id.namespace, id.name)
		if err != nil {
			return err
		}
		before.(*networking.ServiceEntry).Status.DeepCopyInto(&entry.Status)
	}
	return all.tracker(id).Update(id.resource, object, id.namespace)
}

func (all *objects) tracker(id key) clienttesting.ObjectTracker {
	if strings.HasSuffix(id.resource.Group, ".istio.io") {
		return all.istio
	}
	return all.kube
}

func keyOf(object runtime.Object) (key, error) {
	about, err := meta.Accessor(object)
	if err != nil {
		return key{}, err
	}
	kind := object.GetObjectKind().GroupVersionKind()
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	return key{resource, about.GetNamespace(), about.GetName()}, nil
}

// load reads the objects of a YAML file. An object of a kind that Istio's client does not know is an
// error, and so is one without a name.
func load(path string) ([]runtime.Object, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	var all []runtime.Object
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		object, _, err := kube.IstioCodec.UniversalDeserializer().Decode(document, nil, nil)
		if err != nil {
			return nil, err
		}
		if named, ok := object.(metav1.Object); !ok || named.GetName() == "" {
			return nil, fmt.Errorf("an object without a name: %s", document)
		}
		all = append(all, object)
	}
}
