package main

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// tunnelPort is that of HBONE, which Envoy takes as it comes.
const tunnelPort = 15008

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	// passthrough is the address from which Envoy itself dials the application.
	passthrough = netip.MustParseAddr("127.0.0.6")
)

// install makes the rules, all at once, in a table of their own:
//
//	PREROUTING  tcp, not to 15008 or an excluded port          → inboundPort
//	OUTPUT      over lo from 127.0.0.6                         leave
//	            over lo, by Envoy, not to 127.0.0.1 or 15008   → inboundPort (the pod calls itself)
//	            over lo, not by Envoy                          leave
//	            by Envoy                                       leave
//	            to port 53 of a captured DNS server            → dnsAgentPort
//	            to 127.0.0.1 or an excluded port               leave
//	            any other tcp                                  → outboundPort
//
// Istio's rules also put the agent's own DNS into another zone of connection tracking, which matters
// where many ask at once. They are in tools/istio-iptables/pkg/capture, with an example for each way
// to call it in its testdata.
func install(opts options) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "istio"})
	chain := func(name string, hook *nftables.ChainHook, priority *nftables.ChainPriority) func(...[]expr.Any) {
		added := conn.AddChain(&nftables.Chain{
			Name: name, Table: table, Type: nftables.ChainTypeNAT, Hooknum: hook, Priority: priority,
		})
		return func(parts ...[]expr.Any) {
			rule := &nftables.Rule{Table: table, Chain: added}
			for _, part := range parts {
				rule.Exprs = append(rule.Exprs, part...)
			}
			conn.AddRule(rule)
		}
	}

	in := chain("PREROUTING", nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	for _, port := range append(opts.excludeInbound, tunnelPort) {
		in(tcp(), toPort(port, expr.CmpOpEq), leave())
	}
	in(tcp(), redirect(opts.inboundPort))

	out := chain("OUTPUT", nftables.ChainHookOutput, nftables.ChainPriorityNATDest)
	out(overLoopback(), from(passthrough), leave())
	out(tcp(), overLoopback(), to(loopback, expr.CmpOpNeq), toPort(tunnelPort, expr.CmpOpNeq),
		by(opts.proxyUser, expr.CmpOpEq), redirect(opts.inboundPort))
	out(overLoopback(), by(opts.proxyUser, expr.CmpOpNeq), leave())
	out(by(opts.proxyUser, expr.CmpOpEq), leave())
	for _, server := range opts.dnsServers {
		for _, number := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			out(protocol(number), toPort(dnsPort, expr.CmpOpEq), to(server, expr.CmpOpEq),
				redirect(dnsAgentPort))
		}
	}
	out(to(loopback, expr.CmpOpEq), leave())
	for _, port := range opts.excludeOutbound {
		out(tcp(), toPort(port, expr.CmpOpEq), leave())
	}
	out(tcp(), redirect(opts.outboundPort))
	return conn.Flush()
}

func tcp() []expr.Any {
	return protocol(unix.IPPROTO_TCP)
}

func protocol(number byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}},
	}
}

func overLoopback() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte("lo\x00")},
	}
}

// by compares the user of the socket that sends.
func by(user uint32, op expr.CmpOp) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeySKUID, Register: 1},
		&expr.Cmp{Op: op, Register: 1, Data: binaryutil.NativeEndian.PutUint32(user)},
	}
}

// Offsets are those of the IPv4 header, and of the ports behind it.

func from(address netip.Addr) []expr.Any {
	return field(expr.PayloadBaseNetworkHeader, 12, expr.CmpOpEq, address.AsSlice())
}

func to(address netip.Addr, op expr.CmpOp) []expr.Any {
	return field(expr.PayloadBaseNetworkHeader, 16, op, address.AsSlice())
}

func toPort(port uint16, op expr.CmpOp) []expr.Any {
	return field(expr.PayloadBaseTransportHeader, 2, op, binaryutil.BigEndian.PutUint16(port))
}

func field(base expr.PayloadBase, offset uint32, op expr.CmpOp, data []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: uint32(len(data))},
		&expr.Cmp{Op: op, Register: 1, Data: data},
	}
}

func leave() []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
}

func redirect(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}
