package peers

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

import (
	"dubbo.apache.org/dubbo-go/v3/common/constant"
)

// Echo is echo(KEY:VALUE,...), percent-encoded, of the attachments that came with a call, and of
// the service that runs where it is known.
func Echo(ctx context.Context, service string) string {
	attachments, _ := ctx.Value(constant.AttachmentKey).(map[string]any)
	entries := []string{url.QueryEscape(":service") + ":" + url.QueryEscape(service)}
	for key, value := range attachments {
		text := fmt.Sprint(value)
		// Over HTTP a value is the list of all headers of that name.
		if list, isList := value.([]string); isList {
			text = strings.Join(list, " ")
		}
		entries = append(entries, url.QueryEscape(key)+":"+url.QueryEscape(text))
	}
	slices.Sort(entries)
	return "echo(" + strings.Join(entries, ",") + ")"
}
