/** The alerts ask for what there is. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type CounterDefinition, COUNTERS } from "../../lib/telemetry/counters.ts";
import { testNeeding } from "../support/needs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Metrics that are no counters, as Prometheus names them, and labels of theirs. */
const OTHERS: Record<string, string[]> = {
  workos_mcp_active_grants: [],
  http_client_request_duration_seconds_bucket: ["le", "url_template"],
  http_server_request_duration_seconds_count: ["http_response_status_code"],
  mcp_server_operation_duration_seconds_count: ["gen_ai_tool_name", "error_type"],
};

const toPrometheus = (name: string) => name.replaceAll(".", "_");

function valuesOf({ codes = [], events }: CounterDefinition): string[] {
  const named = Object.entries(events).filter(([, source]) => source === "event");
  return [...codes, ...named.map(([event]) => event)];
}

testNeeding(
  { read: true },
  "every alert asks for a metric, a label and values that there are",
  async () => {
    const counters = new Map(
      Object.entries(COUNTERS).map(([name, counter]) => [`${toPrometheus(name)}_total`, counter]),
    );
    const rules = (await Deno.readTextFile(`${ROOT}lib/telemetry/alerts.yaml`)).split("- alert: ")
      .slice(1);
    assert.ok(rules.length > 10);
    for (const rule of rules) {
      const [alert = ""] = rule.split("\n", 1);
      const expression = /expr: ([^]*?)\n +(?:for|labels):/.exec(rule)?.[1] ?? assert.fail(alert);
      const metrics = [
        ...expression.replaceAll(/ by \([^)]*\)/g, "").matchAll(
          /\b((?:workos_mcp|http|mcp)_\w+)(?:\{([^}]*)\})?/g,
        ),
      ];
      assert.ok(metrics.length > 0, `${alert}: ${expression}`);
      for (const [, name = "", matchers = ""] of metrics) {
        const counter = counters.get(name);
        assert.ok(counter || name in OTHERS, `${alert}: ${name}`);
        for (const [, label = "", text = ""] of matchers.matchAll(/(\w+)(?:=~|!=|=)"([^"]*)"/g)) {
          if (!counter) {
            assert.ok(OTHERS[name]?.includes(label), `${alert}: ${label}`);
            continue;
          }
          assert.equal(label, toPrometheus(counter.attribute ?? "error.type"), alert);
          for (const value of text.split("|")) {
            assert.ok(valuesOf(counter).includes(value), `${alert}: ${value}`);
          }
        }
      }
    }
  },
);
