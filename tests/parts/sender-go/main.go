// Sends spans by the official Go SDK: sender grpc|http host:port service count.
// One span every millisecond or so, and a failure of any export ends it with 1.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func exporter(ctx context.Context, protocol, endpoint string) (sdk.SpanExporter, error) {
	if protocol == "grpc" {
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure())
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(endpoint), otlptracehttp.WithInsecure())
}

func main() {
	ctx := context.Background()
	protocol, endpoint, service := os.Args[1], os.Args[2], os.Args[3]
	count, err := strconv.Atoi(os.Args[4])
	if err != nil {
		panic(err)
	}
	var failures atomic.Int64
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		failures.Add(1)
		fmt.Fprintln(os.Stderr, err)
	}))
	sender, err := exporter(ctx, protocol, endpoint)
	if err != nil {
		panic(err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(sender, sdk.WithMaxQueueSize(count), sdk.WithBatchTimeout(200*time.Millisecond)),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	tracer := provider.Tracer("test")
	for range count {
		_, span := tracer.Start(ctx, "GET /", trace.WithSpanKind(trace.SpanKindServer))
		span.End()
		time.Sleep(time.Millisecond)
	}
	if err := provider.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if failures.Load() > 0 {
		os.Exit(1)
	}
}
