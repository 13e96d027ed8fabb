package peers

import (
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The Triple service: a method of each kind, whose messages are google.protobuf.StringValue, so
// that no code has to be generated.
const (
	TripleInterface = "com.k8s.Test.TripleProvider"
	TripleVersion   = "1.0.0"
	TripleGroup     = "blue"

	Greet  = "Greet"  // unary
	Gather = "Gather" // client streaming
	Tell   = "Tell"   // server streaming
	Talk   = "Talk"   // both

	// Messages is how many messages each stream has.
	Messages = 3
	// Missing is what Greet answers with NOT_FOUND to.
	Missing = "nobody"
	// Broken is what Greet answers with a plain error to.
	Broken = "broken"
)

// Text is a message.
func Text(text string) *wrapperspb.StringValue {
	return wrapperspb.String(text)
}
