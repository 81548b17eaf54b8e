/**
 * The directories of the host that sandboxes show read-only at `/tools` and `/skills`.
 */
import { Effect } from "effect";
import { type SettingsService, settingsTable } from "../../../config.ts";

/** What there is to show, and what was wished for and is not there. */
export interface ShownDirectories {
  /** Real paths, absent where there is nothing to show. */
  readonly tools: string | undefined;
  readonly skills: string | undefined;
  /** One sentence for each setting whose directory cannot be shown. */
  readonly warnings: ReadonlyArray<string>;
}

/** Whether the users of sandboxes get to a directory; why not otherwise. */
export type Reachable = (realPath: string) => Effect.Effect<string | undefined>;

const everyone: Reachable = () => Effect.succeed(undefined);

/** The real path of a directory, or why it is none. */
const realDirectory = (path: string) =>
  Effect.promise(async (): Promise<{ readonly real: string } | { readonly why: string }> => {
    try {
      const real = await Deno.realPath(path);
      return (await Deno.stat(real)).isDirectory ? { real } : { why: "is no directory" };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { why: "does not exist" };
      return { why: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
    }
  });

const show = Effect.fnUntraced(function* (key: string, path: string, target: string, reachable: Reachable) {
  const found = yield* realDirectory(path);
  const why = "real" in found ? yield* reachable(found.real) : found.why;
  return "real" in found && why === undefined
    ? { real: found.real, warnings: [] }
    : { real: undefined, warnings: [`${key} names ${path}, which ${why}: ${target} is empty in every sandbox`] };
});

/** Looks for the directories of `MCP_TOOLS_PATH` and `MCP_SKILLS_PATH`; never fails. */
export const shownDirectories = Effect.fnUntraced(function* (
  settings: Pick<SettingsService, "skillsPath" | "toolsPath">,
  reachable: Reachable = everyone,
): Effect.fn.Return<ShownDirectories> {
  const [tools, skills] = yield* Effect.all([
    show(settingsTable.toolsPath.key, settings.toolsPath, "/tools", reachable),
    show(settingsTable.skillsPath.key, settings.skillsPath, "/skills", reachable),
  ]);
  return { tools: tools.real, skills: skills.real, warnings: [...tools.warnings, ...skills.warnings] };
});
