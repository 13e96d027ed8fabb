package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

import (
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/dubbo/hessian2"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// callAll makes the planned calls from parallel goroutines and counts how they end.
func callAll(made *services, planned []*kind, parallel int, tally *peers.Tally) {
	numbers := make(chan int)
	var callers sync.WaitGroup
	for range max(parallel, 1) {
		callers.Go(func() {
			for number := range numbers {
				callOne(made, planned[number], number, tally)
			}
		})
	}
	for number := range planned {
		numbers <- number
	}
	close(numbers)
	callers.Wait()
}

// callOne makes one call and counts it. A one-way call that was written counts as such, even
// though nobody knows what became of it.
func callOne(made *services, chosen *kind, number int, tally *peers.Tally) {
	oneway := chosen.want == unwaited
	value, err := chosen.call(withAttachments(number, oneway), made, number)
	got := outcomeOf(value, err, oneway)
	tally.Count(chosen.key, func(counts *peers.Counts) {
		counts.Sent++
		counts.Marked++
		switch got {
		case unwaited:
			counts.Oneway++
		case answered:
			counts.OK++
		case nothing:
			counts.Nulls++
		case exception:
			counts.Exceptions++
		case failure:
			counts.Errors++
		}
	})
	if got != chosen.want {
		tally.Fail(fmt.Sprintf("call %d, %s: want %s, got %s: %v",
			number, chosen.key.Method, chosen.want, got, err))
	}
}

// outcomeOf tells a provider's exception from everything else that can go wrong: dubbo-go
// makes a GenericException of the first.
func outcomeOf(value bool, err error, oneway bool) outcome {
	var thrown *hessian2.GenericException
	switch {
	case errors.As(err, &thrown):
		return exception
	case err != nil:
		return failure
	case oneway:
		return unwaited
	case value:
		return answered
	}
	return nothing
}

// withAttachments gives a call its own attachments: strings always, other types with every
// third call. "async" without a callback is dubbo-go's way to ask for a one-way call.
func withAttachments(number int, oneway bool) context.Context {
	attachments := map[string]any{peers.MarkKey: "yes", "x-canary": "v2"}
	if number%3 == 0 {
		attachments["x-number"] = int32(number)
		attachments["x-long"] = int64(number) << 33
		attachments["x-flag"] = true
		attachments["x-bytes"] = []byte{0, 1, 2, 0xda, 0xbb}
		attachments["x-list"] = []any{"a", int32(2), nil}
		attachments["x-map"] = map[any]any{"k": "v"}
		attachments["x-user"] = &peers.User{ID: "attached"}
	}
	if oneway {
		attachments[constant.AsyncKey] = "true"
	}
	return context.WithValue(context.Background(), constant.AttachmentKey, attachments)
}
