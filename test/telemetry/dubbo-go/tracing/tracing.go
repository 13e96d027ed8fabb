// Package tracing turns dubbo-go's own tracing on, by OTLP over HTTP.
package tracing

import (
	"context"
	"fmt"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3/common/extension"
	"dubbo.apache.org/dubbo-go/v3/otel/trace"
	_ "dubbo.apache.org/dubbo-go/v3/otel/trace/otlp"
	"go.opentelemetry.io/otel"
)

const flushed = 5 * time.Second

// Start tells the collector at endpoint (host:port) every call as a span of service. Call it before
// a server or client is made, and the function that it returns at the end: that sends what waits.
func Start(service, endpoint, propagator string) (func() error, error) {
	exporter, err := extension.GetTraceExporter("otlp-http", &trace.ExporterConfig{
		Exporter: "otlp-http", Endpoint: endpoint, Insecure: true,
		SampleMode: "always", Propagator: propagator, ServiceName: service,
	})
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	provider := exporter.GetTracerProvider()
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(exporter.GetPropagator())
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushed)
		defer cancel()
		return provider.ForceFlush(ctx)
	}, nil
}
