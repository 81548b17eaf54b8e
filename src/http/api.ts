/**
 * The HTTP API as data: its endpoints, who may call them, what they take and what they answer.
 *
 * Requests are decoded and refused as it says, and the OpenAPI document is generated from it; the
 * handlers stand in one file per endpoint. Groups are in the order in which a newcomer needs them.
 */
import { HttpApi, OpenApi } from "effect/http-api";
import { version } from "../domain/version.ts";
import { ArtifactsGroup, RunsGroup, SessionsGroup, SystemGroup, UsageGroup } from "./caisson/contract.ts";
import { Failures } from "./frame/failures.ts";
import { finishDocument } from "./frame/openapi.ts";
import { V1Group } from "./openai/contract.ts";
import { ConversationsGroup } from "./openai/conversations/contract.ts";
import { ContainersGroup } from "./openai/containers/contract.ts";
import { FilesGroup } from "./openai/files/contract.ts";
import { ResponsesGroup } from "./openai/responses/contract.ts";

/** The whole API. */
export class Api extends HttpApi.make("caisson")
  .add(V1Group)
  .add(ResponsesGroup)
  .add(ConversationsGroup)
  .add(ContainersGroup)
  .add(FilesGroup)
  .add(ArtifactsGroup)
  .add(SessionsGroup)
  .add(RunsGroup)
  .add(UsageGroup)
  .add(SystemGroup)
  .middleware(Failures)
  .annotateMerge(
    OpenApi.annotations({
      title: "Caisson",
      version,
      description: "An OpenAI-compatible agent that runs code in sealed, per-user containers.",
      license: { name: "MIT" },
      transform: finishDocument,
    }),
  ) {}
