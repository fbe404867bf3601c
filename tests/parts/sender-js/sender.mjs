// Sends spans by the official JavaScript SDK: node sender.mjs grpc|proto|json host:port service count.
// One span every millisecond or so, and a failure of any export ends it with 1.
import { SpanKind, diag, DiagConsoleLogger, DiagLogLevel } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [protocol, endpoint, service, count] = process.argv.slice(2);
const names = { grpc: "grpc", proto: "proto", json: "http" };
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${names[protocol]}`);
const url = protocol === "grpc" ? `http://${endpoint}` : `http://${endpoint}/v1/traces`;
const exporter = new OTLPTraceExporter({ url });
let failures = 0;
const wrapped = {
  export: (spans, done) =>
    exporter.export(spans, (result) => {
      if (result.code !== 0) {
        failures += 1;
        console.error(result.error);
      }
      done(result);
    }),
  forceFlush: () => exporter.forceFlush?.(),
  shutdown: () => exporter.shutdown(),
};
diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN);
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": service }),
  spanProcessors: [
    new BatchSpanProcessor(wrapped, { maxQueueSize: Number(count), scheduledDelayMillis: 200 }),
  ],
});
const tracer = provider.getTracer("test");
for (let index = 0; index < Number(count); index += 1) {
  tracer.startSpan("GET /", { kind: SpanKind.SERVER }).end();
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await provider.forceFlush();
await provider.shutdown();
process.exit(failures ? 1 : 0);
