/**
 * The files that the turns of a session made or changed, as their runs are remembered.
 */
import { Effect, Schema } from "effect";
import type { Artifact } from "../../domain/Artifact.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { RunFile } from "../../domain/RunHistory.ts";
import type { RunStoreService } from "../../services/RunStore.ts";
import type { SessionsUnavailable } from "../../services/Sessions.ts";
import type { ArtifactLinksService } from "./ArtifactLinks.ts";
import { ArtifactOut, shown } from "./artifacts.ts";

/** Runs of a session that are looked through for files: more than a conversation that anybody reads has. */
const runsMax = 1_000;

/** A file of a turn. It may have been changed or deleted since. */
export const TurnFileOut = Schema.Struct({
  ...ArtifactOut.fields,
  is_image: Schema.Boolean.annotate({ description: "Its first bytes were those of an image that browsers show." }),
}).annotate({ identifier: "TurnFile" });

const turnFileOut = (artifact: Artifact): typeof TurnFileOut.Type => ({
  ...shown(artifact),
  is_image: artifact.isImage,
});

/**
 * The files of each turn whose run is remembered, by the turn's id.
 *
 * *Fails with* `SessionsUnavailable` when the runs cannot be read.
 */
export const filesByTurn = Effect.fnUntraced(function* (
  { runs, links, base }: {
    readonly runs: RunStoreService;
    readonly links: ArtifactLinksService;
    readonly base: string;
  },
  owner: Owner,
  session: string,
): Effect.fn.Return<ReadonlyMap<string, ReadonlyArray<typeof TurnFileOut.Type>>, SessionsUnavailable> {
  const found = new Map<string, ReadonlyArray<typeof TurnFileOut.Type>>();
  for (const { turn, files } of yield* runs.list(ownerKey(owner), { session, limit: runsMax })) {
    if (turn === undefined) continue;
    const described = yield* Effect.forEach(files, (file: RunFile) => {
      const { path, sizeBytes, modifiedAtMs = 0, imageType } = file;
      return links.describe(base, owner, { path, sizeBytes, modifiedAtMs }, imageType);
    });
    found.set(turn, described.map(turnFileOut));
  }
  return found;
});
