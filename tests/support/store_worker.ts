/**
 * One more process on a store, for races that are real. Opens the store given as JSON, says so, and
 * with the first line of input takes part in everything that is to be won once. Prints what it won.
 */

import { openStore } from "../../lib/store/open_store.ts";
import type { Store } from "../../lib/store/store.ts";
import { buildIssue, buildRotation } from "../store/rows.ts";

/** How often each kind of race is run. */
export const RACES = 40;

/** What one participant found, by race. */
export interface Findings {
  /** Secrets as they are after its attempt to make them. */
  secrets: string[];
  /** Salts as they are after its attempt to rotate. */
  salts: (string | null | undefined)[];
  signIns: boolean[];
  codes: boolean[];
  renewals: boolean[];
}

async function takePart(store: Store, name: string): Promise<Findings> {
  const findings: Findings = { secrets: [], salts: [], signIns: [], codes: [], renewals: [] };
  await Promise.all(Array.from({ length: RACES }, async (_, race) => {
    findings.secrets[race] = await store.getSecret(`secret ${race}`, name);
    findings.signIns[race] = await store.takeSignIn(`sign-in ${race}`, 0) !== undefined;
    findings.codes[race] = await store.redeemCode({
      ...buildIssue(`redeemed ${race} ${name}`, `fresh ${race}`),
      codeHash: `fresh ${race}`,
      now: 0,
      rememberUntil: 900,
    });
    const rotation = buildRotation(`${race}`, `rotated ${race} ${name}`, `used ${race}`);
    findings.salts[race] = (await store.rotateRefreshToken(rotation))?.rotationSalt;
    findings.renewals[race] = await store.acquireRenewal({
      grantId: `used ${race}`,
      version: 1,
      owner: name,
      now: 0,
      until: 10,
    });
  }));
  return findings;
}

if (import.meta.main) {
  const [name = "", location = ""] = Deno.args;
  const store = await openStore(JSON.parse(location));
  console.log("open");
  await Deno.stdin.read(new Uint8Array(1));
  console.log(JSON.stringify(await takePart(store, name)));
  await store.close();
}
