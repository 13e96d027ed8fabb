package peers

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
)

import (
	"dubbo.apache.org/dubbo-go/v3/common/constant"
)

// Key is what the calls of one line of a report have in common. Method is spelt as on the
// wire ("$invoke", "$echo"); Target is the method that a generic call asks for.
type Key struct {
	Interface string `json:"interface"`
	Method    string `json:"method"`
	Target    string `json:"target,omitempty"`
	Version   string `json:"version,omitempty"`
	Group     string `json:"group,omitempty"`
}

// Counts says how the calls of one line ended: Sent = Oneway + OK + Nulls + Exceptions +
// Errors, Sent being Received on the provider's side. Marked counts the calls that carried
// MarkKey, or what the provider was told to look for.
type Counts struct {
	Sent       int `json:"sent"`
	Oneway     int `json:"oneway"`
	OK         int `json:"ok"`
	Nulls      int `json:"nulls"`
	Exceptions int `json:"exceptions"`
	Errors     int `json:"errors"`
	Marked     int `json:"marked"`
}

// Line is one line of a report.
type Line struct {
	Key
	Counts
}

// Report is the JSON document that each of the two commands prints.
type Report struct {
	Peer     string   `json:"peer"`
	Release  string   `json:"release"`
	Calls    []Line   `json:"calls"`
	Failures []string `json:"failures"`
}

// maxFailures bounds how many failures a report spells out.
const maxFailures = 20

// Tally counts calls as they end. Its methods may be called from any goroutine.
type Tally struct {
	mutex    sync.Mutex
	counts   map[Key]*Counts
	failures []string
}

// NewTally makes an empty tally.
func NewTally() *Tally {
	return &Tally{counts: make(map[Key]*Counts)}
}

// Count lets change see and change the counts of key.
func (t *Tally) Count(key Key, change func(*Counts)) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	counts := t.counts[key]
	if counts == nil {
		counts = &Counts{}
		t.counts[key] = counts
	}
	change(counts)
}

// Fail notes something that should not have happened.
func (t *Tally) Fail(failure string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.failures) < maxFailures {
		t.failures = append(t.failures, failure)
	}
}

// Report is what was counted so far, in a stable order.
func (t *Tally) Report(peer string) Report {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	calls := make([]Line, 0, len(t.counts))
	for key, counts := range t.counts {
		calls = append(calls, Line{key, *counts})
	}
	slices.SortFunc(calls, func(a, b Line) int {
		return strings.Compare(a.sortKey(), b.sortKey())
	})
	failures := append([]string{}, t.failures...)
	return Report{Peer: peer, Release: constant.Version, Calls: calls, Failures: failures}
}

// sortKey orders lines by everything that tells them apart.
func (k Key) sortKey() string {
	return strings.Join([]string{k.Interface, k.Method, k.Target, k.Version, k.Group}, "\x00")
}

// Write writes the report as one line of JSON.
func (r Report) Write(out io.Writer) error {
	return json.NewEncoder(out).Encode(r)
}
