package main

import (
	"fmt"
	"strings"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clienttesting "k8s.io/client-go/testing"
)

// accountPrefix begins the name by which Kubernetes calls a ServiceAccount.
const accountPrefix = "system:serviceaccount:"

// reactor is the part of an in-memory client that lets us answer in its place.
type reactor interface {
	PrependReactor(verb, resource string, reaction clienttesting.ReactionFunc)
}

// believeTokens stands in for the API server where istiod asks it whose a token is: a token is its
// owner's name in plain text, "system:serviceaccount:NAMESPACE:NAME". What follows, the certificate
// with that identity, is istiod's own doing. And where istiod asks whether a gateway's ServiceAccount
// may read its namespace's Secrets: all may.
func believeTokens(client kubernetes.Interface) error {
	memory, ok := client.(reactor)
	if !ok {
		return fmt.Errorf("not an in-memory client: %T", client)
	}
	memory.PrependReactor("create", "tokenreviews",
		func(action clienttesting.Action) (bool, runtime.Object, error) {
			asked := action.(clienttesting.CreateAction).GetObject().(*authentication.TokenReview)
			answer := asked.DeepCopy()
			answer.Status.Authenticated = strings.HasPrefix(asked.Spec.Token, accountPrefix)
			answer.Status.User.Username = asked.Spec.Token
			answer.Status.User.Groups = []string{"system:serviceaccounts"}
			return true, answer, nil
		})
	memory.PrependReactor("create", "subjectaccessreviews",
		func(action clienttesting.Action) (bool, runtime.Object, error) {
			asked := action.(clienttesting.CreateAction).GetObject().(*authorization.SubjectAccessReview)
			answer := asked.DeepCopy()
			answer.Status.Allowed = true
			return true, answer, nil
		})
	return nil
}
