/** Opens the browser, without a shell and without a foreign word on the command line (CL-26). */

import { isLoopbackHost } from "../loopback.ts";

/** A program and its arguments. */
export interface BrowserCommand {
  program: string;
  args: string[];
}

/** Runs a program to its end, without a shell, and tells its exit code. */
export type Spawn = (command: BrowserCommand) => Promise<number>;

/** Settings of {@link openBrowser}. */
export interface BrowserOptions {
  os: typeof Deno.build.os;
  spawn: Spawn;
}

/**
 * The command that opens a URL. Never `cmd /c start`, which ends at `&` and runs the rest, nor a
 * program named by `$BROWSER`.
 *
 * @param os operating system.
 * @param url a loopback address of our own.
 */
export function browserCommand(os: BrowserOptions["os"], url: URL): BrowserCommand {
  switch (os) {
    case "darwin":
      return { program: "open", args: [url.href] };
    case "windows":
      return { program: "rundll32", args: ["url.dll,FileProtocolHandler", url.href] };
    default:
      return { program: "xdg-open", args: [url.href] };
  }
}

/**
 * Opens a loopback address of our own in the browser.
 *
 * @param url the address.
 * @param options see {@link BrowserOptions}.
 * @throws {TypeError} for any other address.
 * @throws {Error} with a sentence for the user if the browser cannot be started.
 */
export async function openBrowser(url: URL, { os, spawn }: BrowserOptions): Promise<void> {
  if (url.protocol !== "http:" || !isLoopbackHost(url.hostname) || url.username || url.password) {
    throw new TypeError("Only loopback addresses of this client are opened.");
  }
  const command = browserCommand(os, url);
  let exitCode: number;
  try {
    exitCode = await spawn(command);
  } catch (error) {
    throw new Error(
      `The browser could not be opened: ${command.program} cannot be run. Open the address above yourself.`,
      {
        cause: error,
      },
    );
  }
  if (exitCode !== 0) {
    throw new Error(
      `The browser could not be opened: ${command.program} failed. Open the address above yourself.`,
    );
  }
}

/** A {@link Spawn} that keeps the program off this terminal. */
export async function spawnQuietly({ program, args }: BrowserCommand): Promise<number> {
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  // The opener may live as long as the browser; the client need not.
  child.unref();
  return (await child.status).code;
}
