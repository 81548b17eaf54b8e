/**
 * The server that `bench/egress.ts` downloads from and uploads to; prints its port.
 */
const [directory = "."] = Deno.args;
const piece = new Uint8Array(1024 * 1024);
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  cert: Deno.readTextFileSync(`${directory}/cert.pem`),
  key: Deno.readTextFileSync(`${directory}/key.pem`),
  onListen: ({ port }) => console.log(port),
}, async (request) => {
  const bytes = Number(new URL(request.url).pathname.split("/")[2] ?? 0);
  if (request.body !== null) { for await (const _ of request.body); }
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left <= 0) return controller.close();
      const part = piece.subarray(0, Math.min(left, piece.length));
      left -= part.length;
      controller.enqueue(part.slice());
    },
  });
  return new Response(body, { headers: { "content-length": String(bytes) } });
});
