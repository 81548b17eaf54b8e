/**
 * A port for a process that cannot say which one it got.
 */

/** Whence the kernel takes ports by itself; Linux says so, elsewhere 32768 is below what systems take. */
const takenFrom = await Deno.readTextFile("/proc/sys/net/ipv4/ip_local_port_range").then(
  (range) => Number(range.split(/\s+/)[0]),
  () => 32_768,
);
/** Ports below are those of well-known services. */
const lowest = 10_240;

/**
 * A port of loopback on which nothing listens, and which nobody gets by chance before it is listened on.
 *
 * *Details*: a port that the kernel gives for 0 is one that it may give to any connection as soon as it is let go; these
 * are ports that it gives to nobody.
 */
export const freePort = (): number => {
  const above = Math.max(takenFrom, lowest + 4_096);
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (above - lowest));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
};
