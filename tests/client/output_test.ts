import assert from "node:assert/strict";
import { createOutput, type OutputOptions } from "../../lib/client/output.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";

function capture(options: Partial<OutputOptions> & { isTerminal?: boolean } = {}) {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    isTerminal: options.isTerminal ?? false,
    write: (text: string) => void (written[name] += text),
  });
  const output = createOutput({
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    env: () => undefined,
    json: false,
    debug: false,
    ...options,
  });
  return { output, written };
}

Deno.test("results go to standard output, all else to standard error", async () => {
  const { output, written } = capture();
  output.result({ a: 1 }, ({ bold }) => bold("text"));
  output.progress("working");
  await output.error(new CommandError("gone", "It is gone.", ExitCode.unreachable));
  assert.deepEqual(written, { stdout: "text\n", stderr: "working\nError: It is gone.\n" });
});

Deno.test("--json prints the value, and an error as one line", async () => {
  const { output, written } = capture({ json: true });
  output.result({ a: "\x9b31m" }, () => "text");
  const exitCode = await output.error(
    new CommandError("gone", "It is gone.", ExitCode.unreachable),
  );
  assert.equal(written.stdout, '{\n  "a": "\\u009b31m"\n}\n');
  assert.equal(written.stderr, '{"error":{"code":"gone","message":"It is gone."}}\n');
  assert.equal(exitCode, ExitCode.unreachable);
});

Deno.test("emphasis is for terminals that want it", () => {
  const print = (options: Parameters<typeof capture>[0]) => {
    const { output, written } = capture(options);
    output.result({}, ({ bold }) => bold("loud"));
    return written.stdout;
  };
  assert.equal(print({ isTerminal: true }), "\x1b[1mloud\x1b[0m\n");
  assert.equal(print({ isTerminal: false }), "loud\n");
  assert.equal(
    print({ isTerminal: true, env: (name) => name === "NO_COLOR" ? "1" : "" }),
    "loud\n",
  );
});

Deno.test("what a server wrote cannot steer the terminal", async () => {
  const { output, written } = capture({
    isTerminal: true,
    env: (name) => name === "NO_COLOR" ? "1" : undefined,
  });
  output.progress("a\x1b]0;title\x07b\u202Ec\x9bd\r");
  await output.error(new Error("\x1b[2Jboom"));
  assert.equal(
    written.stderr,
    "a]0;titlebcd\nError: [2Jboom (unexpected; --debug shows where)\n",
  );
});

Deno.test("--debug tells what led to an error, without secrets", async () => {
  const { output, written } = capture({ debug: true });
  const cause = new Error("Bearer abcdefghijklmnop was refused");
  await output.error(new CommandError("x", "It failed.", 1, { cause }));
  assert.match(written.stderr, /Caused by: Error: Bearer \[redacted\] was refused/);
});

Deno.test("what is under way is written over by what comes next", () => {
  const { output, written } = capture({ isTerminal: true });
  output.status("one\n\x1b[31mmore");
  output.status("two");
  output.progress("done");
  output.progress("really");
  const line = (text: string) => `\r\x1b[2K\x1b[?7l${text}\x1b[?7h`;
  assert.equal(written.stderr, `${line("one [31mmore")}${line("two")}\r\x1b[2Kdone\nreally\n`);
});

Deno.test("the line under way is gone before a result or an error is printed", async () => {
  for (const print of ["result", "error"] as const) {
    const { output, written } = capture({ isTerminal: true });
    output.status("working");
    if (print === "result") output.result({}, () => "text");
    else await output.error(new CommandError("gone", "It is gone."));
    assert(written.stderr.includes("working\x1b[?7h\r\x1b[2K"));
  }
});

for (
  const [where, options] of Object.entries({
    "a file": {},
    "a dumb terminal": {
      isTerminal: true,
      env: (name: string) => name === "TERM" ? "dumb" : undefined,
    },
    "a terminal with --debug": { isTerminal: true, debug: true },
  })
) {
  Deno.test(`${where} gets what is under way as lines, if at all`, () => {
    const { output, written } = capture(options);
    output.status("connecting");
    output.status("50 %", true);
    output.progress("done");
    assert.equal(written.stderr, "50 %\ndone\n");
  });
}
