/**
 * A network for tests of egress: names with the addresses that a test gives them, behind each of which stand the
 * same two servers of this process, one that speaks TLS and one that speaks plain HTTP.
 */
import { Buffer } from "node:buffer";
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecure, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createSecureContext } from "node:tls";
import { Effect, type Scope } from "effect";
import { makeAuthority } from "../../src/adapters/egress/certificates.ts";
import { machine, type Outside, OutsideError } from "../../src/adapters/egress/Outside.ts";

/** A request that a server of this world got. */
export interface SeenRequest {
  readonly host: string | undefined;
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>;
  readonly bodyBytes: number;
  readonly secure: boolean;
}

/** The world and what happened in it. */
export interface EgressWorld {
  readonly outside: Outside;
  /** The authority of its TLS servers, in PEM. */
  readonly certificate: string;
  /** Names that somebody asked for. */
  readonly questions: Array<string>;
  /** Where somebody connected to, as `address:port`. */
  readonly contacts: Array<string>;
  readonly requests: Array<SeenRequest>;
}

/** A public address that is this very machine. */
export const ownAddress = "93.184.216.99";
/** Where the names of a world lead that nothing else is said of. */
export const publicAddress = "93.184.216.34";

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Array<Buffer> = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
};

/** User and password of the repository of git at `/repo.git/`. */
export const gitUser = "ada:real-secret-of-the-origin";

/** Answers `/bytes/N` with so many, `/to/URL` with a redirect, `/slow` never, everything else with a greeting. */
const answer = (request: IncomingMessage, body: Buffer, response: ServerResponse) => {
  const [, what, ...rest] = (request.url ?? "").split("/");
  if (what === "to") return response.writeHead(302, { Location: decodeURIComponent(rest.join("/")) }).end();
  if (what === "bytes") return response.end(Buffer.alloc(Number(rest[0])));
  if (what === "slow") return;
  if (what === "repo.git") return git(request, body, response);
  response.end(`hello from ${request.headers.host}\n`);
};

/** What `git http-backend` answers, to who shows the user and password. */
const git = async (request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<unknown> => {
  if (request.headers.authorization !== `Basic ${Buffer.from(gitUser).toString("base64")}`) {
    return response.writeHead(401, { "WWW-Authenticate": 'Basic realm="git"' }).end();
  }
  const { pathname, searchParams } = new URL(request.url ?? "/", "https://allowed.example");
  const child = new Deno.Command("git", {
    args: ["http-backend"],
    env: {
      GIT_PROJECT_ROOT: repository(),
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: pathname,
      QUERY_STRING: searchParams.toString(),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      REMOTE_USER: "ada",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(body).then(() => writer.close(), () => {});
  const { stdout } = await child.output();
  await written;
  const answered = Buffer.from(stdout);
  const end = answered.indexOf("\r\n\r\n");
  for (const line of answered.toString("latin1", 0, end).split("\r\n")) {
    const [name = "", value = ""] = line.split(": ");
    if (name === "Status") response.statusCode = Number(value.slice(0, 3));
    else response.setHeader(name, value);
  }
  return response.end(answered.subarray(end + 4));
};

let made: string | undefined;
/** A bare repository with one commit, made once a process. */
const repository = (): string => {
  if (made !== undefined) return made;
  const folder = Deno.makeTempDirSync({ prefix: "caisson-git-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const run = (...args: ReadonlyArray<string>) => {
    const { success, stderr } = new Deno.Command("git", { args: [...args], cwd: folder }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  run("init", "-q", "-b", "main", "work");
  Deno.writeTextFileSync(`${folder}/work/hello.txt`, "hello from git\n");
  run("-C", "work", "add", ".");
  run("-C", "work", "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "first");
  run("clone", "-q", "--bare", "work", "repo.git");
  run("-C", "repo.git", "config", "http.receivepack", "true");
  return made = folder;
};

const listening = (server: Server | ReturnType<typeof createPlain>) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address: string | AddressInfo | null = server.address();
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0));
      });
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections();
        server.close(() => resume(Effect.void));
      }),
  );

/** Makes a world for the scope; a name with several lists of addresses has one after the other. */
export const egressWorld = (
  names: Readonly<Record<string, ReadonlyArray<string> | ReadonlyArray<ReadonlyArray<string>>>> = {},
): Effect.Effect<EgressWorld, never, Scope.Scope> =>
  Effect.gen(function* () {
    const authority = makeAuthority(Date.now());
    const seen: Pick<EgressWorld, "questions" | "contacts" | "requests"> = {
      questions: [],
      contacts: [],
      requests: [],
    };
    const handle = (secure: boolean) => async (request: IncomingMessage, response: ServerResponse) => {
      const { headers, url } = request;
      const body = await bodyOf(request);
      seen.requests.push({ host: headers.host, url, headers, bodyBytes: body.length, secure });
      await answer(request, body, response);
    };
    const { certificate: cert, key } = authority.issue("allowed.example");
    const secure = createSecure({
      cert,
      key,
      SNICallback: (name, callback) => {
        const issued = authority.issue(name);
        callback(null, createSecureContext({ cert: issued.certificate, key: issued.key }));
      },
    }, handle(true));
    const securePort = yield* listening(secure);
    const plainPort = yield* listening(createPlain(handle(false)));
    const asked = new Map<string, number>();
    const outside: Outside = {
      resolve: (name) =>
        Effect.suspend(() => {
          seen.questions.push(name);
          const time = asked.get(name) ?? 0;
          asked.set(name, time + 1);
          const known = names[name] ?? [publicAddress];
          const answers = known.map((entry) => typeof entry === "string" ? undefined : entry);
          const found = answers[Math.min(time, answers.length - 1)] ??
            known.filter((entry) => typeof entry === "string");
          return found.length === 0
            ? Effect.fail(new OutsideError({ why: "it has no address" }))
            : Effect.succeed(found);
        }),
      connect: (address, port) =>
        Effect.suspend(() => {
          seen.contacts.push(`${address}:${port}`);
          return Effect.map(
            machine.connect("127.0.0.1", port === 80 ? plainPort : securePort),
            (connection) => ({ ...connection, isOurselves: address === ownAddress }),
          );
        }),
    };
    return { outside, certificate: authority.certificate, ...seen };
  });
