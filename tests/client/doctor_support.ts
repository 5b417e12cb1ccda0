/** The doctor looking at a server that is told to lie. */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/client/arguments.ts";
import { runDoctor } from "../../lib/client/commands/doctor.ts";
import type { ConnectOptions } from "../../lib/client/context.ts";
import type { CacheState } from "../../lib/client/doctor/cache_directory.ts";
import type { Finding, Step } from "../../lib/client/doctor/finding.ts";
import type { Host } from "../../lib/client/doctor/network.ts";
import { createOutput, type Output } from "../../lib/client/output.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import type { FakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, type TestClientOptions } from "./support.ts";

/** Answers in place of the server, by path, or by method and path. */
export type Lies = Record<string, (request: Request) => Response | Promise<Response>>;

/** What a test may want otherwise. */
export interface DiagnosisOptions extends TestClientOptions {
  lies?: Lies;
  host?: Partial<Host>;
  /** The server as the user writes it; the fake one's own URL by default. */
  url?: string;
}

/** What the doctor said. */
export interface Diagnosis {
  findings: Finding[];
  exitCode: number;
  /** What a person reads. */
  text: string;
  /** Requests it made, as `POST /path`. */
  requests: string[];
  find: (step: Step) => Finding;
  /** The code of what is wrong at a step; `ok` or `skipped` if nothing is. */
  outcome: (step: Step) => string;
}

/** A directory of sign-ins without a fault. */
export const GOOD_CACHE: CacheState = {
  isOpen: false,
  isShared: false,
  isWritable: true,
  isMixed: false,
  servers: 1,
  open: [],
  damaged: [],
  setAside: 0,
};

/** Runs the doctor in this process. */
export async function diagnose(
  server: FakeServer,
  { lies = {}, host = {}, url = server.url, ...rest }: DiagnosisOptions = {},
): Promise<Diagnosis> {
  const requests: string[] = [];
  const { context } = createTestClient(server, {
    openBrowser: undefined,
    async fetch(input, init) {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      requests.push(`${request.method} ${pathname}`);
      const lie = lies[`${request.method} ${pathname}`] ?? lies[pathname];
      if (lie) return await lie(request);
      const unreadable = pathname === "/register" && await request.clone().text() === "{";
      if (unreadable) return Response.json({ error: "invalid_client_metadata" }, { status: 400 });
      return await server.fetch(request.url, request);
    },
    ...rest,
  });
  const { findings, exitCode, text } = await runWith(url, context, {
    lookup: () => Promise.resolve(["192.0.2.1"]),
    inspectCache: () => Promise.resolve({ directory: "/home/me/cache", state: GOOD_CACHE }),
    ...host,
  });
  const find = (step: Step) => {
    const finding = findings.find((finding) => finding.step === step);
    assert(finding, `nothing about ${step}`);
    return finding;
  };
  return {
    findings,
    exitCode,
    text,
    requests,
    find,
    outcome(step) {
      const finding = find(step);
      return "trouble" in finding ? finding.trouble.code : finding.status;
    },
  };
}

/** Runs the command as the command line does. */
export async function runWith(
  url: string,
  options: ConnectOptions,
  host: Host,
): Promise<Pick<Diagnosis, "findings" | "exitCode" | "text">> {
  let findings: Finding[] | undefined;
  let text = "";
  let exitCode: number = ExitCode.ok;
  const output = createOutput({
    stdout: { isTerminal: false, write: (part) => void (text += part) },
    stderr: { isTerminal: false, write() {} },
    env: () => undefined,
    json: false,
    debug: false,
  });
  const recorded: Output = {
    ...output,
    result(value, render) {
      findings = value as Finding[];
      output.result(value, render);
    },
  };
  try {
    await runDoctor(parseArguments(["doctor", url], () => undefined), options, recorded, host);
  } catch (error) {
    if (!(error instanceof CommandError) || !findings) throw error;
    exitCode = error.exitCode;
  }
  return { findings: findings ?? [], exitCode, text };
}
