// Command capture does in the network namespace in which it runs what the injected init container
// istio-init does in a pod's: it sends the TCP connections of the pod through Envoy, and its questions
// to DNS, where istio-init is told so, to Istio's agent.
//
// It takes istio-init's own command line and makes the same rules, by netlink, so that neither
// iptables nor nft has to be installed. What it does not know how to do is an error and not passed
// over. Needs the capability NET_ADMIN, and a kernel with nf_tables and its NAT.
package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// options are those of `pilot-agent istio-iptables` that an injected pod can have.
type options struct {
	outboundPort    uint16
	inboundPort     uint16
	proxyUser       uint32
	excludeInbound  []uint16
	excludeOutbound []uint16
	// Whose DNS the agent is to answer instead; none unless DNS is captured.
	dnsServers []netip.Addr
}

func main() {
	opts, err := parse(os.Args[1:])
	if err == nil {
		err = install(opts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var opts options
	if len(args) == 0 || args[0] != "istio-iptables" {
		return opts, fmt.Errorf("not the command line of istio-init: %q", args)
	}
	flags := flag.NewFlagSet("istio-iptables", flag.ContinueOnError)
	outbound := flags.Uint("p", 15001, "port of Envoy for what the pod sends")
	inbound := flags.Uint("z", 15006, "port of Envoy for what the pod gets")
	user := flags.Uint("u", 1337, "user and group whose connections are left alone")
	mode := flags.String("m", "REDIRECT", "only REDIRECT")
	include := flags.String("i", "*", "only *, all addresses")
	exclude := flags.String("x", "", "only empty, no address excepted")
	inboundPorts := flags.String("b", "*", "only *, all ports of the pod")
	excludeInbound := flags.String("d", "", "ports of the pod that are not captured")
	excludeOutbound := flags.String("o", "", "ports elsewhere that are not captured")
	dns := flags.Bool("redirect-dns", os.Getenv(dnsEnv) == "true", "whether DNS is captured")
	flags.String("log_output_level", "", "ignored")
	if err := flags.Parse(args[1:]); err != nil {
		return opts, err
	}
	if *mode != "REDIRECT" || *include != "*" || *exclude != "" || *inboundPorts != "*" {
		return opts, fmt.Errorf("not implemented: %q", args)
	}
	opts.outboundPort, opts.inboundPort = uint16(*outbound), uint16(*inbound)
	opts.proxyUser = uint32(*user)
	var err error
	if opts.excludeInbound, err = ports(*excludeInbound); err != nil {
		return opts, err
	}
	if opts.excludeOutbound, err = ports(*excludeOutbound); err != nil {
		return opts, err
	}
	if *dns {
		opts.dnsServers, err = dnsServers()
	}
	return opts, err
}

// ports reads "15090,15021".
func ports(list string) ([]uint16, error) {
	var all []uint16
	for part := range strings.SplitSeq(list, ",") {
		if part == "" {
			continue
		}
		port, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return nil, err
		}
		all = append(all, uint16(port))
	}
	return all, nil
}
