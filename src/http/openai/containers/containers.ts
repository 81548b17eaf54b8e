/**
 * `/v1/containers`: containers and their files, as OpenAI's clients know them.
 *
 * Another's container is answered 404 like any other that is not there.
 */
import { Effect, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { Settings } from "../../../config.ts";
import { Containers, type KnownContainer } from "../../../runs/Containers.ts";
import { Files } from "../../../runs/Files.ts";
import { equipSkills } from "../../../runs/containerSkills.ts";
import { copyFiles } from "../../../runs/storedFiles.ts";
import { Skills } from "../../../services/Skills.ts";
import { Bodies, parseJson } from "../../../web/body.ts";
import { Caller } from "../../frame/Caller.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { firstWrong } from "../../frame/firstWrong.ts";
import { json } from "../../frame/respond.ts";
import { keeperOf } from "../responses/read.ts";
import {
  type ContainerDeleted,
  type ContainerList,
  type ContainerOut,
  ContainerRequest,
  idleMinutesDefault,
} from "./contract.ts";
import { pageOf, type PageQuery, type UserQuery } from "../listPage.ts";
import { networkOut, readNetwork } from "./network.ts";
import { readSkills } from "./skills.ts";
import { readWish, wishedFiles } from "./wish.ts";

const decodeBody = Schema.decodeUnknownEffect(ContainerRequest);

const seconds = (ms: number): number => Math.floor(ms / 1000);

const containerOut = (container: KnownContainer): typeof ContainerOut.Type => ({
  id: container.id,
  object: "container",
  created_at: seconds(container.createdAtMs),
  status: container.isExpired ? "expired" : "running",
  expires_after: { anchor: "last_active_at", minutes: container.idleMinutes },
  last_active_at: seconds(container.lastActiveAtMs),
  memory_limit: container.memoryLimit,
  network_policy: networkOut(container),
  name: container.name,
});

const ownerOf = (query: UserQuery) => Effect.map(Caller, (caller) => keeperOf(caller, query));

/** What a request for a container asks for. */
const readRequest = Effect.fnUntraced(function* (text: string) {
  const body = yield* parseJson(text);
  return yield* Effect.mapError(decodeBody(body), ({ issue }) => {
    const { param, why } = firstWrong(issue);
    return new InvalidRequest({ param, why, code: "invalid_value" });
  });
});

/** Builds the handlers of containers. */
export const make = Effect.gen(function* () {
  const containers = yield* Containers;
  const files = yield* Files;
  const bodies = yield* Bodies;
  const settings = yield* Settings;
  const skills = yield* Skills;
  const { bodyBytesMax } = settings;

  const create = Effect.fnUntraced(function* (query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const body = yield* readRequest(yield* bodies.text(request, { bytesMax: bodyBytesMax, typed: true }));
    const wish = yield* readWish(body, "", settings);
    const network = yield* readNetwork(body.network_policy, "", containers);
    const keeper = yield* ownerOf(query);
    const wanted = yield* wishedFiles(files, keeper, body, "");
    const taught = yield* readSkills(body.skills, "", skills);
    const container = yield* containers.create(keeper, {
      name: body.name,
      idleMinutes: body.expires_after?.minutes ?? idleMinutesDefault,
      ...wish,
      ...(network !== undefined && { network }),
    });
    const filled = yield* Effect.onError(
      Effect.flatMap(
        copyFiles({ containers, files, keeper }, container, wanted),
        (filled) => equipSkills(containers, keeper, filled, taught),
      ),
      () => Effect.ignore(containers.remove(keeper, container.id)),
    );
    return json(containerOut(filled));
  });

  const list = Effect.fnUntraced(function* (query: PageQuery & { readonly name?: string }) {
    const owner = yield* ownerOf(query);
    // Strangers who share a principal see nothing of one another.
    const all = owner.user === "" && owner.principal === "anonymous" ? [] : yield* containers.list(owner);
    const named = all.filter(({ name }) => query.name === undefined || name === query.name).map(containerOut);
    const page: typeof ContainerList.Type = yield* pageOf(named.toReversed(), query);
    return page;
  });

  const retrieve = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    return containerOut(yield* containers.find(yield* ownerOf(query), id));
  });

  const remove = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    yield* containers.remove(yield* ownerOf(query), id);
    return { id, object: "container.deleted", deleted: true } satisfies typeof ContainerDeleted.Type;
  });

  return { create, list, retrieve, remove };
});
