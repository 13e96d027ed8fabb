// Command consumer calls the demo's Dubbo interfaces with dubbo-go, without a registry, and
// prints what it sent and what came back as one line of JSON on standard output.
//
// It ends with status 1 when a call did not end the way its kind must, and with status 3 when
// the whole run takes longer than -timeout. With -hold the connections stay open after the
// report until SIGTERM or SIGINT comes, so that a one-way call is never cut off by the exit and
// what is in between can be looked at in peace.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

import (
	"dubbo-wasm-filter/interop/peers"
)

// options are the command's flags.
type options struct {
	userAddress  string
	orderAddress string
	calls        int
	parallel     int
	seed         uint64
	connections  int
	heartbeat    time.Duration
	callTimeout  time.Duration
	timeout      time.Duration
	plain        bool
	hold         bool
}

func main() {
	var opts options
	var address string
	flag.StringVar(&address, "addr", "127.0.0.1:20000", "host:port of both services")
	flag.StringVar(&opts.userAddress, "user-addr", "", "host:port of the user service alone")
	flag.StringVar(&opts.orderAddress, "order-addr", "", "host:port of the order service alone")
	flag.IntVar(&opts.calls, "calls", 100, "how many calls to make")
	flag.IntVar(&opts.parallel, "parallel", 4, "how many callers at a time")
	flag.Uint64Var(&opts.seed, "seed", 1, "seed of the order and choice of calls")
	flag.IntVar(&opts.connections, "connections", 4, "connections per address")
	flag.DurationVar(&opts.heartbeat, "heartbeat", 30*time.Second, "heartbeat period per connection")
	flag.DurationVar(&opts.callTimeout, "call-timeout", 5*time.Second, "patience per call")
	flag.DurationVar(&opts.timeout, "timeout", time.Minute, "patience for the whole run")
	flag.BoolVar(&opts.plain, "plain", false, "only calls that every provider of the demo answers")
	flag.BoolVar(&opts.hold, "hold", false, "keep the connections until SIGTERM")
	flag.Parse()
	if opts.userAddress == "" {
		opts.userAddress = address
	}
	if opts.orderAddress == "" {
		opts.orderAddress = address
	}
	time.AfterFunc(opts.timeout, func() {
		fmt.Fprintln(os.Stderr, "consumer: out of time")
		os.Exit(3)
	})
	if err := run(opts); err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

// run makes the calls and prints the report; the error is for the exit status.
func run(opts options) error {
	if err := peers.Quiet(); err != nil {
		return err
	}
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	services, err := dial(opts)
	if err != nil {
		return err
	}
	tally := peers.NewTally()
	callAll(services, plan(opts.calls, opts.seed, opts.plain), opts.parallel, tally)
	report := tally.Report("consumer")
	if err := report.Write(os.Stdout); err != nil {
		return err
	}
	if opts.hold {
		<-told.Done()
	}
	if len(report.Failures) > 0 {
		return fmt.Errorf("%d or more calls went wrong", len(report.Failures))
	}
	return nil
}
