/**
 * Finds the container that a request's hosted tools work in, or makes one, and makes the tools of it.
 */
import { Effect, Option } from "effect";
import { Settings } from "../../../config.ts";
import { ownerKey } from "../../../domain/ids.ts";
import type { Owner } from "../../../domain/Owner.ts";
import type { ContainerNetwork } from "../../../runs/containerEgress.ts";
import { Containers } from "../../../runs/Containers.ts";
import { Files } from "../../../runs/Files.ts";
import { equipSkills } from "../../../runs/containerSkills.ts";
import { copyFiles } from "../../../runs/storedFiles.ts";
import { ConversationStore } from "../../../services/ConversationStore.ts";
import { ResponseStore } from "../../../services/ResponseStore.ts";
import { Skills } from "../../../services/Skills.ts";
import { ArtifactLinks } from "../../caisson/ArtifactLinks.ts";
import { idleMinutesDefault } from "../containers/contract.ts";
import { readNetwork } from "../containers/network.ts";
import { readSkills } from "../containers/skills.ts";
import { readWish, wishedFiles } from "../containers/wish.ts";
import { containersOf } from "./hostedInput.ts";
import { type HostedTools, makeKit } from "./hostedTools.ts";
import type { JsonObject } from "./wire.ts";

/** Earlier responses of a chain that are looked through for a container. */
const lookedBackMax = 20;

/** What a request says of the containers before it. */
export interface Before {
  readonly items: ReadonlyArray<JsonObject>;
  readonly previous: string | null;
  readonly conversation: string | undefined;
}

/** Makes the finder of containers for requests. */
export const makeEquip = Effect.gen(function* () {
  const containers = yield* Containers;
  const files = yield* Files;
  const links = yield* ArtifactLinks;
  const conversations = yield* ConversationStore;
  const store = yield* ResponseStore;
  const settings = yield* Settings;
  const skills = yield* Skills;

  /**
   * The container that was worked in last in this conversation and is there still; where a network is wished for, one
   * that has it.
   */
  const earlier = Effect.fnUntraced(function* (
    owner: Owner,
    { items, previous, conversation }: Before,
    network: ContainerNetwork | undefined,
  ) {
    const named = [...containersOf(items)];
    if (conversation !== undefined) {
      const entries = Option.getOrElse(yield* conversations.entries(ownerKey(owner), conversation), () => []);
      named.push(...containersOf(entries.slice(-lookedBackMax).flatMap((entry) => entry.items)));
    }
    let next = previous;
    for (let looked = 0; next !== null && looked < lookedBackMax; looked++) {
      const found = yield* store.find(ownerKey(owner), next);
      if (Option.isNone(found)) break;
      const output = found.value.body["output"];
      const { container } = found.value;
      named.push(...containersOf(Array.isArray(output) ? output : []), ...(container === undefined ? [] : [container]));
      next = found.value.previous;
    }
    for (const id of new Set(named)) {
      const used = yield* Effect.catchTags(containers.use(owner, id), {
        ContainerNotFound: () => Effect.succeed(undefined),
        ContainerExpired: () => Effect.succeed(undefined),
      });
      if (used === undefined) continue;
      if (network === undefined || (yield* containers.hasNetwork(used, network))) return used;
    }
    return undefined;
  });

  /**
   * The kit of a request's hosted tools; undefined where it names none.
   *
   * *Fails with* `ContainerNotFound`, `ContainerExpired`, `InvalidRequest` for what no container has here,
   * `FileNotFound` and what copying files fails with.
   */
  return Effect.fnUntraced(function* (owner: Owner, hosted: HostedTools | undefined, before: Before) {
    if (hosted === undefined) return undefined;
    const { container: choice } = hosted;
    if (choice._tag === "ById") {
      return yield* makeKit(hosted, yield* containers.use(owner, choice.id), { containers, links, keeper: owner });
    }
    const wish = yield* readWish(choice.wish, choice.param, settings);
    const network = yield* readNetwork(choice.wish.network_policy, choice.param, containers);
    const wanted = yield* wishedFiles(files, owner, choice.wish, choice.param);
    const taught = yield* readSkills(choice.wish.skills, choice.param, skills);
    const container = (yield* earlier(owner, before, network)) ??
      (yield* containers.create(owner, {
        name: "auto",
        idleMinutes: idleMinutesDefault,
        ...wish,
        ...(network !== undefined && { network }),
      }));
    const filled = yield* copyFiles({ containers, files, keeper: owner }, container, wanted);
    const equipped = yield* equipSkills(containers, owner, filled, taught);
    return yield* makeKit(hosted, equipped, { containers, links, keeper: owner });
  });
});

/** Finds or makes the container of a request's hosted tools. */
export type Equip = Effect.Success<typeof makeEquip>;
