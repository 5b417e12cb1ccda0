/**
 * A span and a duration for each MCP request, as the semantic conventions for MCP have them. Requests
 * are seen where they come in and answers where they go out, since one HTTP request may hold many.
 */

import type {
  JSONRPCMessage,
  JSONRPCRequest,
  McpServer,
  Transport,
} from "@modelcontextprotocol/server";
import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { McpDefinition } from "../mcp/endpoint.ts";
import type { TelemetryApi } from "./api.ts";
import { describeMcpAnswer, describeMcpRequest, type Registered } from "./describe_mcp_request.ts";

/** In seconds, as the conventions have them. */
const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** Ends what began with a request. */
type End = (outcome: Attributes) => void;

/** Makes a definition whose servers are traced. */
export function traceMcp(definition: McpDefinition, api: TelemetryApi): McpDefinition {
  const begin = createBegin(api);

  const traceTransport = (transport: Transport, registered: Registered): void => {
    const { onmessage, onclose } = transport;
    const send = transport.send.bind(transport);
    const running = new Map<JSONRPCRequest["id"], End>();
    const end = (id: JSONRPCRequest["id"] | undefined, outcome: Attributes) => {
      if (id === undefined) return;
      running.get(id)?.(outcome);
      running.delete(id);
    };
    transport.onmessage = (message, extra) => {
      if (!isRequest(message)) return onmessage?.(message, extra);
      begin(message, registered, (endRequest) => {
        running.set(message.id, endRequest);
        onmessage?.(message, extra);
      });
    };
    transport.send = async (message, options) => {
      const outcome = describeMcpAnswer(message);
      if (outcome && "id" in message) end(message.id, outcome);
      await send(message, options);
    };
    transport.onclose = () => {
      for (const id of running.keys()) end(id, { "error.type": "cancelled" });
      onclose?.();
    };
  };

  return {
    ...definition,
    register(server, caller, directory) {
      const registered = rememberNames(server);
      const { server: protocol } = server;
      const connect = protocol.connect.bind(protocol);
      protocol.connect = async (transport) => {
        await connect(transport);
        traceTransport(transport, registered);
      };
      return definition.register(server, caller, directory);
    },
  };
}

/** Makes a function that does something as part of a request that has just come in. */
function createBegin({ meter, tracer, contexts, propagator, now }: TelemetryApi) {
  const duration = meter.createHistogram("mcp.server.operation.duration", {
    unit: "s",
    description: "Duration of MCP requests.",
    advice: { explicitBucketBoundaries: BUCKETS },
  });

  /** A client's trace goes on through its message (SEP-414); the HTTP request is then only linked. */
  const findParent = ({ params }: JSONRPCRequest): { parent: Context; links: Link[] } => {
    const http = contexts.active();
    const meta: Record<string, unknown> = params?._meta ?? {};
    const remote = propagator.extract(ROOT_CONTEXT, meta, {
      // No other: baggage would be words of a stranger.
      keys: () => ["traceparent", "tracestate"],
      get: (_, name) => typeof meta[name] === "string" ? meta[name] : undefined,
    });
    if (!trace.getSpanContext(remote)) return { parent: http, links: [] };
    const context = trace.getSpanContext(http);
    return { parent: remote, links: context ? [{ context }] : [] };
  };

  return (request: JSONRPCRequest, registered: Registered, work: (end: End) => void): void => {
    const { spanName, attributes } = describeMcpRequest(request, registered);
    const { parent, links } = findParent(request);
    const started = now();
    const options = { kind: SpanKind.SERVER, attributes, links };
    tracer.startActiveSpan(spanName, options, parent, (span) => {
      work((outcome) => {
        duration.record((now() - started) / 1000, { ...attributes, ...outcome });
        span.setAttributes(outcome);
        if ("error.type" in outcome) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      });
    });
  };
}

function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return "method" in message && "id" in message;
}

/** Has a server remember what is registered on it from now on. */
function rememberNames(server: McpServer): Registered {
  const tools = new Set<string>();
  const prompts = new Set<string>();
  for (const [method, names] of [["registerTool", tools], ["registerPrompt", prompts]] as const) {
    const register = server[method].bind(server) as (...args: unknown[]) => unknown;
    const replacement = (name: string, ...rest: unknown[]) => {
      names.add(name);
      return register(name, ...rest);
    };
    Object.assign(server, { [method]: replacement });
  }
  return { tools, prompts };
}
