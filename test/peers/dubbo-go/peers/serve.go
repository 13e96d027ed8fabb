package peers

import (
	"context"
)

// Serve runs a server until it fails or the context is done, which is no failure.
func Serve(ctx context.Context, serve func() error) error {
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
