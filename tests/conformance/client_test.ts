/** The client against the MCP conformance suite, judged by what the suite checked. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testNeeding } from "../support/needs.ts";
import { PROCESS_NEEDS } from "../support/server_process.ts";
import { findFailures, runSuite, type SuiteRun } from "./suite.ts";

const CLIENT = fileURLToPath(new URL("suite_client.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** Milliseconds a scenario may take; all of them run at once. */
const PATIENCE = "60000";

/** Scenarios in which the client has to give up, with its exit code. */
const GIVES_UP: Record<string, number> = {
  "auth/iss-normalized": 3,
  "auth/iss-supported-missing": 3,
  "auth/iss-unexpected": 3,
  "auth/iss-wrong-issuer": 3,
  "auth/metadata-issuer-mismatch": 3,
  "auth/resource-mismatch": 3,
  // Its server never grants enough.
  "auth/scope-retry-limit": 3,
  // Its last tool answers without `resultType`; the SDK refuses that at 2026-07-28.
  "sep-2322-client-request-state": 1,
};

/** Extensions for programs without a person, or with keys of their own: no revision requires them. */
const EXTENSIONS: Record<string, string> = {
  "auth/client-credentials-basic": "no client_credentials grant: a person signs in",
  "auth/client-credentials-jwt": "no client_credentials grant: a person signs in",
  "auth/dpop": "bearer tokens only",
  "auth/dpop-nonce": "bearer tokens only",
  "auth/enterprise-managed-authorization": "no token exchange: a person signs in",
  "auth/wif-jwt-bearer": "no jwt-bearer grant: a person signs in",
};

async function runClientSuite(args: string[]): Promise<SuiteRun> {
  const command = [Deno.execPath(), "run", "-q", `--config=${CONFIG}`, "-P=test", CLIENT];
  return await runSuite(["client", "--command", command.join(" "), "--timeout", PATIENCE, ...args]);
}

/** Compares a run with what is expected of each scenario. */
function assertConformance(run: SuiteRun): void {
  const failures: string[] = [];
  for (const [scenario, result] of run) {
    const found = findFailures(scenario, result);
    if (EXTENSIONS[scenario] !== undefined) {
      assert.ok(found.length > 0, `${scenario} passes now; take it off the list of extensions`);
      continue;
    }
    failures.push(...found);
    const exitCode = /exit (\d+)\n?$/.exec(result.stdout)?.[1];
    if (exitCode !== String(GIVES_UP[scenario] ?? 0)) {
      failures.push(`${scenario}: the client ended with ${exitCode}\n${result.stderr}`);
    }
  }
  assert.deepEqual(failures, []);
}

/** How many of a run's scenarios count, and how many of their checks passed. */
function count(run: SuiteRun): { scenarios: number; checks: number } {
  const required = [...run].filter(([scenario]) => EXTENSIONS[scenario] === undefined);
  const checks = required.flatMap(([, { checks }]) => checks)
    .filter(({ status }) => status === "SUCCESS");
  return { scenarios: required.length, checks: checks.length };
}

for (
  // 32 and 18 are scored; `json-schema-2020-12-preservation` came later.
  const { revision, scenarios, checks } of [
    { revision: "2026-07-28", scenarios: 33, checks: 400 },
    { revision: "2025-11-25", scenarios: 19, checks: 258 },
  ]
) {
  testNeeding(
    PROCESS_NEEDS,
    `the command line passes the client scenarios that MCP ${revision} requires`,
    async () => {
      const run = await runClientSuite(["--requirements", revision]);
      assertConformance(run);
      const counted = count(run);
      assert.equal(counted.scenarios, scenarios);
      assert.ok(counted.checks >= checks, `only ${counted.checks} checks`);
    },
  );
}

for (const scenario of ["oauth-metadata-backcompat", "oauth-endpoint-fallback"]) {
  testNeeding(
    PROCESS_NEEDS,
    `the command line passes the client scenario ${scenario} of MCP 2025-03-26`,
    async () => {
      const name = `auth/2025-03-26-${scenario}`;
      const run = await runClientSuite(["--scenario", name, "--spec-version", "2025-03-26"]);
      assertConformance(run);
      assert.deepEqual(count(run).scenarios, 1);
    },
  );
}
