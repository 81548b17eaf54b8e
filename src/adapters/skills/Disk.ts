/**
 * Skills in a folder on disk, one folder each.
 *
 * Changes are seen when the catalogue is next asked for, at most once a second: asking again is
 * cheaper and surer than watching, which network file systems and bind mounts do not report.
 */
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { Effect, Layer, Option, Result } from "effect";
import { Settings } from "../../config.ts";
import type { Skill, SkillCatalogue, SkillProblem } from "../../domain/Skill.ts";
import { SkillNotFound, Skills, type SkillsService } from "../../services/Skills.ts";
import { parseSkill } from "./frontmatter.ts";

/** Where sandboxes see the skills. */
const mountPoint = "/skills";

/** How long a scan is trusted. */
const freshness = "1 second";

/** Folders looked at; a catalogue of more would drown the prompt. */
const foldersMax = 500;

/** Bytes of one `SKILL.md`; the standard asks for fewer than 500 lines. */
const fileBytesMax = 1024 * 1024;

/** `SKILL.md`, and the spellings of earlier drafts. */
const fileNames = ["SKILL.md", "Skill.md", "skill.md"] as const;

interface Found {
  readonly skill: Skill;
  readonly file: string;
}

interface Scan {
  readonly found: ReadonlyArray<Found>;
  readonly problems: ReadonlyArray<SkillProblem>;
}

const attempt = <A>(body: () => Promise<A>) => Effect.result(Effect.tryPromise({ try: body, catch: codeOf }));

/** What the file system calls its failure, such as `EACCES`. */
const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unreadable";

const problem = (folder: string, file: string, line: number, message: string, refused: boolean): SkillProblem => ({
  folder,
  file: `${folder}/${file}`,
  line,
  message,
  refused,
});

/** The skill file of a folder by its spelling on disk, for file systems that ignore case. */
const skillFile = Effect.fnUntraced(function* (root: string, folder: string) {
  const names = yield* attempt(() => readdir(join(root, folder)));
  return Result.isFailure(names) ? undefined : fileNames.find((name) => names.success.includes(name));
});

const readSkillFile = Effect.fnUntraced(function* (root: string, path: string) {
  const real = yield* attempt(async () => [await realpath(path), await realpath(root)] as const);
  if (Result.isFailure(real)) return Result.fail(`cannot be read (${real.failure})`);
  // A link out of the skills folder would publish a file of the host.
  if (!real.success[0].startsWith(real.success[1] + sep)) return Result.fail("is a link out of the skills folder");
  const status = yield* attempt(() => stat(path));
  if (Result.isFailure(status)) return Result.fail(`cannot be read (${status.failure})`);
  if (!status.success.isFile()) return Result.fail("is not a regular file");
  if (status.success.size > fileBytesMax) return Result.fail(`is larger than ${fileBytesMax} bytes`);
  const text = yield* attempt(() => readFile(path, "utf8"));
  return Result.mapError(text, (code) => `cannot be read (${code})`);
});

const scanFolder = Effect.fnUntraced(function* (root: string, folder: string, file: string): Effect.fn.Return<Scan> {
  const text = yield* readSkillFile(root, join(root, folder, file));
  if (Result.isFailure(text)) return { found: [], problems: [problem(folder, file, 1, text.failure, true)] };
  const parsed = parseSkill(text.success, folder.slice(folder.lastIndexOf("/") + 1));
  const problems = parsed.findings.map(({ line, message, refused }) => problem(folder, file, line, message, refused));
  if (file !== "SKILL.md") problems.push(problem(folder, file, 1, `${file} should be called SKILL.md`, false));
  return {
    found: Option.toArray(parsed.skill).map((skill) => ({
      skill: { ...skill, location: `${mountPoint}/${folder}/${file}` },
      file: join(root, folder, file),
    })),
    problems,
  };
});

/** Folders with a skill file, one level deep, or two where a folder only groups others. */
const folders = Effect.fnUntraced(
  function* (root: string, under: string): Effect.fn.Return<ReadonlyArray<readonly [string, string]>> {
    const entries = yield* attempt(() => readdir(join(root, under), { withFileTypes: true }));
    if (Result.isFailure(entries)) return [];
    const found: Array<readonly [string, string]> = [];
    for (const entry of entries.success.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith(".") || !(entry.isDirectory() || entry.isSymbolicLink())) continue;
      if (found.length >= foldersMax) break;
      const folder = under === "" ? entry.name : `${under}/${entry.name}`;
      const file = yield* skillFile(root, folder);
      if (file !== undefined) found.push([folder, file]);
      else if (under === "") found.push(...yield* folders(root, folder));
    }
    return found;
  },
);

/** Every skill under a folder, each name once, and what is wrong. */
const scan = Effect.fnUntraced(function* (root: string): Effect.fn.Return<Scan> {
  const scans = yield* Effect.forEach(yield* folders(root, ""), ([folder, file]) => scanFolder(root, folder, file));
  const byName = new Map<string, Found>();
  const problems = scans.flatMap((each) => each.problems);
  const all = scans.flatMap((each) => each.found);
  // The skill that stands where its name says goes before a copy elsewhere.
  const placed = ({ skill }: Found) => skill.location.endsWith(`/${skill.name}/${fileNames[0]}`);
  for (const found of [...all.filter(placed), ...all.filter((each) => !placed(each))]) {
    const { name, location } = found.skill;
    const first = byName.get(name);
    if (first === undefined) byName.set(name, found);
    else {
      const [folder = "", file = ""] = [
        location.slice(mountPoint.length + 1, location.lastIndexOf("/")),
        location.slice(location.lastIndexOf("/") + 1),
      ];
      problems.push(problem(folder, file, 1, `name '${name}' is taken by ${first.skill.location}`, true));
    }
  }
  const found = [...byName.values()].toSorted((a, b) => (a.skill.name < b.skill.name ? -1 : 1));
  return { found, problems };
});

/** Makes a store of the skills under `root`. */
export const make = Effect.fnUntraced(function* (root: string): Effect.fn.Return<SkillsService> {
  let reported: ReadonlySet<string> = new Set();
  const report = ({ problems }: Scan) => {
    const lines = problems.map(({ file, line, message, refused }) =>
      `${file}:${line}: ${message}${refused ? " (skill refused)" : ""}`
    );
    const news = lines.filter((line) => !reported.has(line));
    reported = new Set(lines);
    return Effect.forEach(news, (line) => Effect.logWarning(`skill ${line}`), { discard: true });
  };
  // The skills are one array as long as nothing was looked at anew, so that what is made of them can be kept.
  const current = yield* scan(root).pipe(
    Effect.tap(report),
    Effect.map((scanned) => ({ ...scanned, skills: scanned.found.map(({ skill }) => skill) })),
    Effect.cachedWithTTL(freshness),
  );

  return {
    catalogue: Effect.map(current, ({ skills, problems }): SkillCatalogue => ({ skills, problems })),
    read: Effect.fnUntraced(function* (name: string) {
      const { found } = yield* current;
      const notFound = new SkillNotFound({ skill: name, available: found.map(({ skill }) => skill.name) });
      const wanted = found.find(({ skill }) => skill.name === name);
      if (wanted === undefined) return yield* notFound;
      const text = yield* readSkillFile(root, wanted.file);
      return Result.isSuccess(text) ? text.success : yield* notFound;
    }),
  };
});

/** The skills of `MCP_SKILLS_PATH`; what is wrong with them is logged at the start, without holding it up. */
export const layer: Layer.Layer<never, never, Settings> = Layer.effect(
  Skills,
  Effect.flatMap(Settings, (settings) => make(settings.skillsPath)).pipe(
    Effect.tap((skills) => Effect.forkScoped(skills.catalogue)),
  ),
);
