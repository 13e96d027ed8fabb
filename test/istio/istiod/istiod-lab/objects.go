package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	clienttesting "k8s.io/client-go/testing"

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
	tracker clienttesting.ObjectTracker
	path    string
	read    time.Time
	known   map[key]bool
}

// newObjects reads the file for the first time.
func newObjects(client kubernetes.Interface, path string) (*objects, error) {
	memory, ok := client.(tracked)
	if !ok {
		return nil, fmt.Errorf("not an in-memory client: %T", client)
	}
	all := &objects{tracker: memory.Tracker(), path: path, known: map[key]bool{}}
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
			if err := all.tracker.Delete(id.resource, id.namespace, id.name); err != nil {
				return err
			}
		}
	}
	all.known = now
	return nil
}

func (all *objects) create(id key, object runtime.Object) error {
	return all.tracker.Create(id.resource, object, id.namespace)
}

func (all *objects) update(id key, object runtime.Object) error {
	return all.tracker.Update(id.resource, object, id.namespace)
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
