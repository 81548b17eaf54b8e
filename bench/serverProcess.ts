/**
 * A server as a process of its own: where it may listen, and the memory that it holds.
 */

/** A port of loopback that is free now. */
export const freePort = (): number => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
};

/** Resident memory of a process, in MiB. */
export const residentMegabytes = async (pid: number): Promise<number> => {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] }).output();
  return Number(new TextDecoder().decode(stdout)) / 1024;
};
