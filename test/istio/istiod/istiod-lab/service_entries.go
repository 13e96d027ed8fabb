package main

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metadatafake "k8s.io/client-go/metadata/fake"

	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pilot/pkg/config/kube/crdclient"
	"istio.io/istio/pkg/config/schema/collection"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/gvr"
	"istio.io/istio/pkg/kube"
)

// addServiceEntries has istiod read ServiceEntries from its Kubernetes client, as it does in a cluster,
// and not only from files: its allocator of addresses takes them from there, and writes what it has
// allocated into their status.
func addServiceEntries(s *bootstrap.Server, client kube.Client) {
	options := crdclient.Option{DomainSuffix: domain, Identifier: "service-entries"}
	schemas := collection.SchemasFor(collections.ServiceEntry)
	s.ConfigStores = append(s.ConfigStores, crdclient.NewForSchemas(client, options, schemas))
}

// defineServiceEntries tells the client that there is such a kind: istiod waits for its definition.
func defineServiceEntries(client kube.Client) error {
	resource := client.Metadata().Resource(gvr.CustomResourceDefinition)
	memory, ok := resource.(metadatafake.MetadataClient)
	if !ok {
		return fmt.Errorf("not an in-memory client: %T", resource)
	}
	definition := &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{
			APIVersion: gvr.CustomResourceDefinition.GroupVersion().String(),
			Kind:       "CustomResourceDefinition",
		},
		ObjectMeta: metav1.ObjectMeta{Name: gvr.ServiceEntry.GroupResource().String()},
	}
	_, err := memory.CreateFake(definition, metav1.CreateOptions{})
	return err
}
