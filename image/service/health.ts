/**
 * The health check of a service container: exits 0 when the door on one of the given ports says at `/health/ready`
 * that requests may be sent there.
 */
const isHealthy = async (port: string): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(3000) })).ok;
  } catch {
    // Nobody listens there, or nobody answers.
    return false;
  }
};
Deno.exit((await Promise.all(Deno.args.map(isHealthy))).includes(true) ? 0 : 1);
