// How a bench's file begins: with its main function, and an end that can be read when that fails.

/**
 * Runs `main` and ends the process with its answer as the exit code. Where it rejects, the error alone
 * is shown: binaryen, which compiles for us, else prints its own source, which is one long line.
 */
export async function runMain(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
