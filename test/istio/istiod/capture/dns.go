package main

import (
	"bufio"
	"net/netip"
	"os"
	"strings"
)

const (
	// dnsEnv is set in istio-init where the mesh's configuration has it among its proxyMetadata.
	dnsEnv = "ISTIO_META_DNS_CAPTURE"
	// dnsAgentPort is where Istio's agent answers DNS.
	dnsAgentPort = 15053
	dnsPort      = 53
	resolvers    = "/etc/resolv.conf"
)

// dnsServers are the addresses (IPv4) of those whom the pod asks.
func dnsServers() ([]netip.Addr, error) {
	file, err := os.Open(resolvers)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []netip.Addr
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		address, err := netip.ParseAddr(words[1])
		if err != nil {
			return nil, err
		}
		if address.Is4() {
			all = append(all, address)
		}
	}
	return all, lines.Err()
}
