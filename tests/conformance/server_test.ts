/** The MCP endpoint, behind its gate, against the MCP conformance suite. */

import assert from "node:assert/strict";
import { testNeeding } from "../support/needs.ts";
import { PROCESS_NEEDS } from "../support/server_process.ts";
import { serveAuthorized } from "./authorized_server.ts";
import { findFailures, runSuite } from "./suite.ts";

/**
 * The scenarios that need no tools, resources or prompts made for the suite, and the checks of
 * theirs that cannot pass.
 */
const REVISIONS = {
  "2026-07-28": {
    scenarios: [
      "dns-rebinding-protection",
      "http-header-validation",
      "input-required-result-unsupported-methods",
      "input-required-result-validate-input",
      "resources-list",
      "sep-2164-resource-not-found",
      "server-sse-multiple-streams",
      "server-stateless",
      "tools-list",
    ],
    baseline: [
      // These need the tools test_missing_capability, test_streaming_elicitation, test_logging_tool.
      "sep-2575-http-server-no-independent-requests-on-stream",
      "sep-2575-missing-capability-http-400",
      "sep-2575-server-no-log-without-loglevel",
      "sep-2575-server-rejects-undeclared-capability",
    ],
    checks: 56,
  },
  "2025-11-25": {
    scenarios: [
      "dns-rebinding-protection",
      "ping",
      "resources-list",
      "server-initialize",
      "server-sse-multiple-streams",
      "tools-list",
    ],
    // The endpoint is stateless: it hands out no session ids.
    baseline: ["server-sse-multiple-streams-session"],
    checks: 11,
  },
};

for (const [revision, { scenarios, baseline, checks }] of Object.entries(REVISIONS)) {
  testNeeding(
    PROCESS_NEEDS,
    `the server passes the scenarios of MCP ${revision} that need no fixtures`,
    async () => {
      await using server = await serveAuthorized();
      const run = await runSuite(["server", `--url=${server.url}`, "--requirements", revision]);
      const failures: string[] = [];
      let passed = 0;
      for (const [scenario, result] of run) {
        const found = findFailures(scenario, result);
        if (scenarios.includes(scenario)) {
          failures.push(...found);
          passed += result.checks.filter(({ status }) => status === "SUCCESS").length;
        } else assert.ok(found.length > 0, `${scenario} passes; add it to the list`);
      }
      assert.deepEqual(scenarios.filter((scenario) => !run.has(scenario)), []);
      const failed = failures.map((line) => /^\S+: (\S+)/.exec(line)?.[1] ?? line);
      assert.deepEqual(failed.sort(), baseline, failures.join("\n"));
      assert.equal(passed, checks);
    },
  );
}
