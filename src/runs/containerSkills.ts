/**
 * Skills in containers: those that a client sends along, and those of the operator that it names.
 */
import { Effect } from "effect";
import type { Owner } from "../domain/Owner.ts";
import { workspaceFolder } from "../domain/workspacePaths.ts";
import type { ContainerSkill } from "../services/ContainerStore.ts";
import type { FileError, SandboxError } from "../services/Sandbox.ts";
import type { SessionsUnavailable } from "../services/Sessions.ts";
import type { ContainerNotFound, ContainersService, KnownContainer } from "./Containers.ts";
import { type SkillBundle, skillFileName } from "./skillBundle.ts";

/** Where skills lie that came with a container: out of the way of what the code makes there. */
const skillsFolder = `${workspaceFolder}/.caisson/skills`;

/** Characters of a hash that tell two skills of one name apart. */
const hashLength = 8;

/** A skill that a container is to have: one that is in every sandbox, or one that was sent. */
export interface WishedSkill extends Pick<ContainerSkill, "name" | "description"> {
  readonly from: { readonly location: string } | SkillBundle;
}

/** Notes what a container has; one of the same name that it had is forgotten. */
export type Noting = Pick<ContainersService, "open" | "equipped">;

/**
 * Gives a container the skills wished for, and gives the container as it is then.
 *
 * *Details*: one that is there in this very form is left as it is; another of its name is left on the disk, beside the
 * new one, and the model is told of the new one alone.
 *
 * *Fails with* `ContainerNotFound` when it was deleted meanwhile, `FileError`, `SandboxError`.
 */
export const equipSkills = Effect.fnUntraced(function* (
  containers: Noting,
  keeper: Owner,
  into: KnownContainer,
  wished: ReadonlyArray<WishedSkill>,
): Effect.fn.Return<KnownContainer, ContainerNotFound | FileError | SandboxError | SessionsUnavailable> {
  let container = into;
  for (const { name, description, from } of wished) {
    const had = container.skills?.find((skill) => skill.name === name);
    if ("location" in from) {
      if (had?.location !== from.location || had.description !== description) {
        container = yield* containers.equipped(keeper, container, { name, description, location: from.location });
      }
      continue;
    }
    const { sha256, files } = from;
    if (had?.sha256 === sha256 && had.description === description) continue;
    const folder = had === undefined || had.sha256 === sha256 || had.sha256 === undefined
      ? `${skillsFolder}/${name}`
      : `${skillsFolder}/${name}-${sha256.slice(0, hashLength)}`;
    if (had?.sha256 !== sha256) {
      yield* Effect.scoped(Effect.gen(function* () {
        const handle = yield* containers.open(container);
        for (const file of files) yield* handle.writeFile(`${folder}/${file.name}`, file.content);
      }));
    }
    const location = had?.sha256 === sha256 ? had.location : `${folder}/${skillFileName}`;
    container = yield* containers.equipped(keeper, container, { name, description, location, sha256 });
  }
  return container;
});
