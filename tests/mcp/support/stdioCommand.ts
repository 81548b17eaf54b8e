/** The stdio server on a fake toolbox, as its clients start it. */
export const serverCommand = {
  command: Deno.execPath(),
  args: [
    "run",
    "--no-check",
    "--allow-env",
    "--allow-read",
    new URL("stdioMain.ts", import.meta.url).pathname,
  ],
};
