// Package peers is what the provider and the consumer have in common: the demo's
// interfaces and types as dubbo-go sees them, the ids with a meaning, the counts that
// both report, and a logger that keeps standard output for those reports.
package peers

import (
	"strconv"
	"strings"
	"time"
)

import (
	hessian "github.com/apache/dubbo-go-hessian2"
)

// The demo's two interfaces. OrderProvider is exported under a version and a group, so
// that both kinds of service key are on the wire.
const (
	UserInterface  = "com.k8s.User.UserProvider"
	OrderInterface = "com.k8s.Order.OrderProvider"
	OrderVersion   = "1.0.0"
	OrderGroup     = "blue"
)

// Ids that make GetUser and GetOrder answer something else than a value, and GetUser the
// attachments that came. An id that begins with SlowPrefix goes on with the milliseconds to wait
// before the value.
const (
	NullID     = "null"
	ErrorID    = "error"
	EchoID     = "echo"
	SlowPrefix = "slow-"
)

// MaxSlow bounds the wait that an id can ask for.
const MaxSlow = 2 * time.Second

// MarkKey is the attachment that every call of the consumer carries: what arrived with it
// was sent by this consumer and lost no attachment on the way.
const MarkKey = "x-interop"

// User is com.k8s.User.User, field by field as the Java demo declares it.
type User struct {
	ID           string    `hessian:"id"`
	Name         string    `hessian:"name"`
	PodName      string    `hessian:"podName"`
	PodNamespace string    `hessian:"podNamespace"`
	PodIP        string    `hessian:"podIp"`
	Service      string    `hessian:"service"`
	Type         string    `hessian:"type"`
	Time         time.Time `hessian:"time"`
}

// JavaClassName is the class that hessian2 writes for a User.
func (User) JavaClassName() string { return "com.k8s.User.User" }

// Order is com.k8s.Order.Order, field by field as the Java demo declares it.
type Order struct {
	ID           string    `hessian:"id"`
	Name         string    `hessian:"name"`
	PodName      string    `hessian:"podName"`
	PodNamespace string    `hessian:"podNamespace"`
	PodIP        string    `hessian:"podIp"`
	Service      string    `hessian:"service"`
	Type         string    `hessian:"type"`
	Time         time.Time `hessian:"time"`
}

// JavaClassName is the class that hessian2 writes for an Order.
func (Order) JavaClassName() string { return "com.k8s.Order.Order" }

func init() {
	hessian.RegisterPOJO(&User{})
	hessian.RegisterPOJO(&Order{})
}

// SlowID is the id whose answer takes wait.
func SlowID(wait time.Duration) string {
	return SlowPrefix + strconv.FormatInt(wait.Milliseconds(), 10)
}

// WaitOf is how long an answer to id is to take: zero for any id but a slow one, never more
// than MaxSlow.
func WaitOf(id string) time.Duration {
	digits, slow := strings.CutPrefix(id, SlowPrefix)
	if !slow {
		return 0
	}
	wait, err := strconv.Atoi(digits)
	if err != nil || wait < 0 {
		return 0
	}
	return min(time.Duration(wait)*time.Millisecond, MaxSlow)
}
