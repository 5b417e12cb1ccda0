/** What to tell a person whose browser is on another machine than this program. */

import { isIP } from "node:net";

/** What of the machine matters. */
export interface Surroundings {
  env: (name: string) => string | undefined;
  /** Whether there is such a file. */
  fileExists: (path: string) => boolean;
}

/**
 * How a browser elsewhere gets back to a listener on this machine's loopback, in one sentence: over
 * SSH with the command that forwards the port, in a container with the option that shares ports.
 * Under WSL the Windows browser reaches it by itself, only opening it needs a program.
 *
 * @param redirectUrl where the listener is.
 * @param isBrowserOpen whether one is being opened here. Over SSH it may be one that nobody sees.
 * @returns `undefined` if the browser is, as far as one can tell, on this machine.
 */
export function adviseOnReturn(
  redirectUrl: URL,
  isBrowserOpen: boolean,
  { env, fileExists }: Surroundings,
): string | undefined {
  const { hostname, port } = redirectUrl;
  if (env("SSH_CONNECTION") || env("SSH_TTY")) {
    return `This is a remote session. So that your browser can come back, run on the machine it is on: ${
      sshCommand(hostname, port, env)
    }`;
  }
  if (isBrowserOpen) return undefined;
  if (env("WSL_DISTRO_NAME")) {
    return "Under WSL the browser of Windows will do. The package wslu lets this program open it.";
  }
  const container = env("container") || env("KUBERNETES_SERVICE_HOST") ||
    fileExists("/.dockerenv") || fileExists("/run/.containerenv");
  if (container) {
    return `This is a container. A browser outside can come back if the port is forwarded or the container shares the host's network (--network host); otherwise paste the address it ends up on, which begins with http://${hostname}:${port}/.`;
  }
  return undefined;
}

/** `SSH_CONNECTION` holds addresses and ports: client, client port, server, server port. */
function sshCommand(hostname: string, port: string, env: Surroundings["env"]): string {
  const [, , address = "", sshPort = "22"] = (env("SSH_CONNECTION") ?? "").split(" ");
  const user = env("USER") || env("LOGNAME") || "";
  // Meant to be copied into a shell, so nothing but names and addresses may be in it.
  const target = `${/^[\w.-]+$/.test(user) ? user : "USER"}@${isIP(address) ? address : "HOST"}`;
  const option = /^\d+$/.test(sshPort) && sshPort !== "22" ? ` -p ${sshPort}` : "";
  return `ssh -L ${port}:${hostname}:${port}${option} ${target}`;
}
