/** How the client plays each scenario of the conformance suite. */

/** What a scenario tells its client beforehand. */
export interface ScenarioContext {
  client_id?: string;
  client_secret?: string;
  toolCalls?: { name: string; arguments: Record<string, unknown> }[];
}

/** Command lines, one after another; each is answered with what the client printed. */
export type Play = Generator<string[], void, string>;

/** The metadata document that the suite knows. */
const CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json";

const COMMANDS: Record<string, string[][]> = {
  "initialize": [["tools"]],
  "tools_call": [["call", "add_numbers", "a=5", "b=3"]],
  "sse-retry": [["call", "test_reconnection"]],
  "request-metadata": [["tools"]],
  "http-standard-headers": [["call", "test_headers"], ["call", "my-hyphenated-tool"]],
  "http-invalid-tool-headers": [["call", "valid_tool", "region=us-west1"]],
  "json-schema-ref-no-deref": [["tools"]],
};

/**
 * Scenarios whose server asks the person to fill in a form. The command line answers no forms, so
 * a program plays them, with an SDK client of its own on top of the library's signed-in `fetch`.
 */
export const PROGRAM_TOOLS: Record<string, string[]> = {
  "elicitation-sep1034-client-defaults": ["test_client_elicitation_defaults"],
  "sep-2322-client-request-state": [
    "test_mrtr_echo_state",
    "test_mrtr_unrelated",
    "test_mrtr_no_state",
    "test_mrtr_no_result_type",
  ],
};

/**
 * Plays a scenario with the command line.
 *
 * @param scenario its name.
 * @param context what it told.
 */
export function* playScenario(scenario: string, context: ScenarioContext): Play {
  const { client_id: id, client_secret: secret, toolCalls = [] } = context;
  for (const { name, arguments: args } of toolCalls) {
    yield ["call", name, "--input", JSON.stringify(args)];
  }
  if (scenario === "json-schema-2020-12-preservation") yield* echoSchema();
  else if (!scenario.startsWith("auth/")) yield* COMMANDS[scenario] ?? [];
  else if (id !== undefined && secret !== undefined) {
    yield ["call", "test-tool", "--client-id", id, "--client-secret", secret];
  } else yield ["call", "test-tool", "--client-metadata-url", CLIENT_METADATA_URL];
}

/** Gives the schema of one tool to the other, which compares. */
function* echoSchema(): Play {
  const tools = JSON.parse(yield ["tools", "--json"]);
  const [subject, echo] = tools;
  yield ["call", echo.name, "--input", JSON.stringify({ schema: subject.inputSchema })];
}
