package main

import (
	"context"
	"strings"
)

import (
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/common/extension"
	"dubbo.apache.org/dubbo-go/v3/filter"
	"dubbo.apache.org/dubbo-go/v3/protocol/base"
	"dubbo.apache.org/dubbo-go/v3/protocol/result"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// tallyFilterKey names the filter below; it stands in front of dubbo-go's own filters and so
// sees generic calls and echoes as they came.
const (
	tallyFilterKey = "interop-tally"
	serviceFilters = tallyFilterKey + "," + constant.DefaultServiceFilters
)

// tallyFilter counts every call that reaches a service, with what dubbo-go makes of it.
type tallyFilter struct {
	tally *peers.Tally
	// mark is the attachment that a call is marked by: its key, or its key and value.
	mark string
}

// registerTally makes dubbo-go know the filter.
func registerTally(tally *peers.Tally, mark string) {
	extension.SetFilter(tallyFilterKey, func() filter.Filter { return &tallyFilter{tally, mark} })
}

// Invoke passes the call on and counts it by its outcome.
func (f *tallyFilter) Invoke(
	ctx context.Context, invoker base.Invoker, call base.Invocation,
) result.Result {
	// Read first: the filters behind this one write into the call's attachments.
	marked := isMarked(call, f.mark)
	key, oneway := keyOf(call), isOneway(call)
	answer := invoker.Invoke(ctx, call)
	f.tally.Count(key, func(counts *peers.Counts) {
		counts.Sent++
		if marked {
			counts.Marked++
		}
		switch {
		case oneway:
			counts.Oneway++
		case answer.Error() != nil:
			counts.Exceptions++
		case answer.Result() == nil:
			counts.Nulls++
		default:
			counts.OK++
		}
	})
	return answer
}

// OnResponse has nothing to do.
func (f *tallyFilter) OnResponse(
	_ context.Context, answer result.Result, _ base.Invoker, _ base.Invocation,
) result.Result {
	return answer
}

// isMarked says whether the call carries the attachment, with its value where mark has one.
func isMarked(call base.Invocation, mark string) bool {
	key, value, hasValue := strings.Cut(mark, "=")
	if hasValue {
		return call.GetAttachmentWithDefaultValue(key, "") == value
	}
	return call.GetAttachmentInterface(key) != nil
}

// keyOf is the report's line for a call.
func keyOf(call base.Invocation) peers.Key {
	key := peers.Key{
		Interface: call.GetAttachmentWithDefaultValue(constant.InterfaceKey, ""),
		Method:    call.MethodName(),
		Version:   call.GetAttachmentWithDefaultValue(constant.VersionKey, ""),
		Group:     call.GetAttachmentWithDefaultValue(constant.GroupKey, ""),
	}
	if call.IsGenericInvocation() {
		key.Target, _ = call.Arguments()[0].(string)
	}
	return key
}

// isOneway says whether the caller waits for no answer. dubbo-go does not tell a service, but
// its callers mark such calls: one-way is what becomes of "async" without a callback.
func isOneway(call base.Invocation) bool {
	return call.GetAttachmentWithDefaultValue(constant.AsyncKey, "") == "true"
}
