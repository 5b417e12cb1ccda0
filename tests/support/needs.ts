/** Tests that need permissions, in a suite that has to pass without any. */

const PERMISSIONS = ["env", "ffi", "net", "read", "run", "sys", "write"] as const;

/** Permissions a test cannot do without. */
export type Needs = Partial<Record<typeof PERMISSIONS[number], true>>;

/**
 * Registers a test that is ignored, with what it lacks in its name, unless everything it needs was
 * granted. Asking for the state of a permission does not prompt.
 *
 * @param needs permissions, each for everything it can be limited to.
 * @param name a sentence of behaviour.
 * @param fn the test.
 * @param options `sanitizeOps` fails the test for a timer or request that it leaves behind.
 */
export function testNeeding(
  needs: Needs,
  name: string,
  fn: (context: Deno.TestContext) => void | Promise<void>,
  options: Pick<Deno.TestDefinition, "sanitizeOps"> = {},
): void {
  const missing = PERMISSIONS.filter((permission) =>
    needs[permission] && Deno.permissions.querySync({ name: permission }).state !== "granted"
  ).map((permission) => `--allow-${permission}`);
  Deno.test({
    name: missing.length === 0 ? name : `${name} [needs ${missing.join(", ")}]`,
    ignore: missing.length > 0,
    fn,
    ...options,
  });
}
