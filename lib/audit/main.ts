/**
 * `deno task audit-schemas [--register]`: the schemas of this server's audit log, printed in the form
 * that WorkOS's dashboard and API take, or registered with the credentials of the settings.
 */

import { readConfig } from "../config.ts";
import { CommandError, ExitCode, SettingsError } from "../errors.ts";
import { createWorkOSApi, type WorkOSApi } from "../workos/api.ts";
import { AUDIT_SCHEMAS, describeSchema } from "./audit_schemas.ts";

try {
  const [option, ...rest] = Deno.args;
  if (option === undefined) console.log(JSON.stringify(AUDIT_SCHEMAS.map(describeSchema), null, 2));
  else if (option === "--register" && rest.length === 0) await register();
  else {throw new CommandError(
      "usage",
      "Usage: deno task audit-schemas [--register]",
      ExitCode.usage,
    );}
} catch (error) {
  if (error instanceof SettingsError) {
    for (const problem of error.problems) console.error(problem);
    Deno.exit(ExitCode.usage);
  }
  if (!(error instanceof Error)) throw error;
  console.error(error.message);
  Deno.exit(error instanceof CommandError ? error.exitCode : ExitCode.unexpected);
}

async function register(): Promise<void> {
  const { workos } = readConfig(Deno.env.toObject(), Deno.readTextFileSync);
  if (!workos.credentials) {
    throw new SettingsError([
      "WORKOS_CLIENT_ID and WORKOS_API_KEY are not set: the emulator takes every entry.",
    ]);
  }
  const config = { ...workos, credentials: workos.credentials };
  const api = createWorkOSApi({ config, fetch });
  for (const schema of AUDIT_SCHEMAS) {
    const isThere = await hasSchema(api, schema.action);
    if (!isThere) {
      await api.call("manage", ({ auditLogs }) => auditLogs.createSchema(schema));
    }
    console.log(`${schema.action}: ${isThere ? "was there" : "registered"}`);
  }
}

/** A schema of any version; what an operator has changed in it stays. */
async function hasSchema(api: WorkOSApi, action: string): Promise<boolean> {
  return await api.call("manage", async ({ auditLogs }) => {
    try {
      return (await auditLogs.listSchemas(action)).data.length > 0;
    } catch (error) {
      // An action without a schema is unknown to WorkOS.
      if (error instanceof Error && "status" in error && error.status === 404) return false;
      throw error;
    }
  });
}
