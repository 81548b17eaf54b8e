/**
 * The command line of `caisson`: its commands, their flags and arguments, and what is said of a mistake in it.
 */
import { Console, Context, Effect, Layer, Option } from "effect";
import { Argument, CliConfig, type CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli";
import { version } from "../../src/domain/version.ts";
import type { Launch } from "./launch.ts";
import { programs } from "./programs.ts";
import { given, secretOf, settingFlags } from "./settingFlags.ts";

/** What the commands do once their line is understood. */
export class Launcher extends Context.Service<Launcher, {
  readonly launch: (launch: Launch) => Effect.Effect<void>;
  readonly bench: (args: ReadonlyArray<string>) => Effect.Effect<void>;
}>()("caisson/cli/Launcher") {}

const launch = (launch: Launch) => Effect.flatMap(Launcher, (launcher) => launcher.launch(launch));

// Servers ----------------------------------------------------------------------------------------

const serve = (typed: string) =>
  Command.make("serve", {
    mcp: Flag.Boolean("mcp").pipe(
      Flag.withDescription("Open the MCP server as well, in the same process, on --mcp-port"),
      Flag.withDefault(false),
    ),
    settings: settingFlags(programs.serve.areas, { AGENT_API_PORT: "port", AGENT_API_HOST: "host" }),
  }, ({ mcp, settings }) => launch({ program: "serve", settings: given(settings), args: mcp ? ["--mcp"] : [] })).pipe(
    Command.withDescription(
      "Serve the agent API and the page, on http://127.0.0.1:8000 unless told otherwise. Keys and other secrets are " +
        "read from the environment and from .env only.",
    ),
    Command.withShortDescription("Serve the agent API and the page"),
    Command.withExamples([
      { command: `${typed} serve --port 9000`, description: "On another port" },
      { command: `${typed} serve --mcp`, description: "With the MCP server beside it" },
    ]),
  );

const mcp = (typed: string) =>
  Command.make("mcp", {
    stdio: Flag.Boolean("stdio").pipe(
      Flag.withDescription("Speak over standard streams, for a client that starts it"),
      Flag.withDefault(false),
    ),
    settings: settingFlags(programs.mcp.areas, { CAISSON_MCP_PORT: "port", CAISSON_MCP_HOST: "host" }),
  }, ({ stdio, settings }) => launch({ program: "mcp", settings: given(settings), args: stdio ? ["--stdio"] : [] }))
    .pipe(
      Command.withDescription("Serve the tools as an MCP server, over HTTP or over standard streams"),
      Command.withExamples([
        { command: `${typed} mcp`, description: "On http://127.0.0.1:8989/mcp" },
        { command: `${typed} mcp --stdio`, description: "For Claude Desktop, Cursor, VS Code" },
      ]),
    );

// Upkeep -----------------------------------------------------------------------------------------

const simple = (program: "doctor" | "image", about: string) =>
  Command.make(
    program,
    { settings: settingFlags(programs[program].areas) },
    ({ settings }) => launch({ program, settings: given(settings), args: [] }),
  ).pipe(Command.withDescription(about));

const keysCommand = <const Name extends "create" | "list" | "revoke">(
  name: Name,
  about: string,
  argument: Option.Option<{ readonly name: string; readonly about: string }>,
) => {
  const settings = settingFlags(programs.keys.areas);
  const run = (args: ReadonlyArray<string>, flags: Readonly<Record<string, Option.Option<string>>>) =>
    launch({ program: "keys", settings: given(flags), args: [name, ...args] });
  return Option.match(argument, {
    onNone: () => Command.make(name, { settings }, ({ settings }) => run([], settings)),
    onSome: (argument) =>
      Command.make(name, {
        of: Argument.String(argument.name).pipe(Argument.withDescription(argument.about)),
        settings,
      }, ({ of, settings }) => run([of], settings)),
  }).pipe(Command.withDescription(about));
};

const keys = Command.make("keys").pipe(
  Command.withDescription(
    "API keys. They are kept hashed in the data directory; a running server takes notice within a second. From the " +
      "first key on every request needs one.",
  ),
  Command.withShortDescription("Create, list and revoke API keys"),
  Command.withSubcommands([
    keysCommand(
      "create",
      "Create a key and show it this once",
      Option.some({ name: "name", about: "Who will use it: letters, digits, . _ -" }),
    ),
    keysCommand("list", "List the keys: id, date, name", Option.none()),
    keysCommand(
      "revoke",
      "Revoke a key, or every key of a name",
      Option.some({ name: "id-or-name", about: "As list shows it" }),
    ),
  ]),
);

/** Who is meant by a principal on the command line. */
const isPrincipal = (text: string): boolean => /^(?:(?:api-key|jwt):.+|anonymous)$/.test(text);

const erase = (typed: string) =>
  Command.make("erase", {
    principal: Argument.String("principal").pipe(
      Argument.withDescription("api-key:NAME, jwt:SUBJECT or anonymous"),
      Argument.filter(isPrincipal, () => "api-key:NAME, jwt:SUBJECT or anonymous"),
    ),
    user: Argument.String("user").pipe(
      Argument.withDescription("The user; without it, the principal's own default user"),
      Argument.optional,
    ),
    conversation: Flag.String("conversation").pipe(
      Flag.withDescription("Instead of a user, the conversation in which a tool call has this id: it names nobody"),
      Flag.optional,
    ),
    settings: settingFlags(programs.erase.areas),
  }, ({ principal, user, conversation, settings }) =>
    launch({
      program: "erase",
      settings: given(settings),
      args: [
        principal,
        ...Option.match(conversation, { onNone: () => Option.toArray(user), onSome: (id) => ["", id] }),
      ],
    })).pipe(
      Command.withDescription("Erase everything that is kept about a user: sessions, responses, sandbox and workspace"),
      Command.withExamples([{ command: `${typed} erase api-key:me ada`, description: "The user ada of the key me" }]),
    );

const skills = Command.make("skills", {
  folder: Argument.String("folder").pipe(
    Argument.withDescription("A folder of skills; without it, those that come along"),
    Argument.optional,
  ),
}, ({ folder }) => launch({ program: "skills", settings: {}, args: Option.toArray(folder) })).pipe(
  Command.withDescription("Validate a folder of skills and show what an agent sees of them"),
);

const bench = Command.make("bench", {
  args: Argument.String("name").pipe(
    Argument.withDescription("One bench and what it takes; without it, all of them"),
    Argument.variadic(),
  ),
}, ({ args }) => Effect.flatMap(Launcher, (launcher) => launcher.bench(args))).pipe(
  Command.withDescription("Measure against a floor or a peer in the same run; in a checkout only"),
);

/** The whole command under the name that a person typed. */
const caisson = (typed: string) =>
  Command.make(typed).pipe(
    Command.withDescription("An OpenAI-compatible agent that runs code in sealed, per-user containers"),
    Command.withSubcommands([
      serve(typed),
      mcp(typed),
      simple("doctor", "Check engine, image and, inside a live sandbox, every hardening control"),
      simple("image", "Build the sandbox image ahead of its first use"),
      keys,
      erase(typed),
      skills,
      bench,
    ]),
  );

// Running ----------------------------------------------------------------------------------------

/** Mistakes go to standard error, each with the next step; help that was asked for goes to standard output. */
const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function* (event) {
    if (event._tag === "Version") return yield* Console.log(event.version);
    const formatter = CliOutput.defaultFormatter({ colors: false });
    if (event._tag === "Help") {
      const help = formatter.formatHelpDoc(event.helpDoc);
      return yield* event.reason === "Requested" ? Console.log(help) : Console.error(help);
    }
    const path = event.commandPath.join(" ");
    for (const error of event.errors) {
      yield* Console.error(`${path}: ${error.message}`);
      const secret = error._tag === "UnrecognizedOption" ? secretOf(error.option) : undefined;
      if (secret === undefined) continue;
      yield* Console.error(
        `${secret} is a secret, and others see a command line: set it in the environment or in .env`,
      );
    }
    yield* Console.error(`\nusage: ${event.helpDoc.usage}\n${path} --help says more`);
  }),
};

const options = Layer.mergeAll(
  CliOutput.layerPresenter(presenter),
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
);

/**
 * Carries out a command line.
 *
 * *Fails with* `CliError` when it is not understood; what was wrong has been said.
 */
export const runLine = (
  typed: string,
  line: ReadonlyArray<string>,
): Effect.Effect<void, CliError.CliError, Launcher | Command.Environment> =>
  Effect.provide(Command.runWith(caisson(typed), { version })(line), options);
