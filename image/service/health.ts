/**
 * The health check of a service container: exits 0 when the door on the given port answers `/health`.
 */
const response = await fetch(`http://127.0.0.1:${Deno.args[0]}/health`, { signal: AbortSignal.timeout(3000) });
Deno.exit(response.ok ? 0 : 1);
