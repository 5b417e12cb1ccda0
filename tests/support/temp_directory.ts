/** A directory for the time of a test. */

/**
 * Makes a directory, and takes it away whatever happens.
 *
 * @param work is given its path.
 */
export async function withTempDirectory(
  work: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
