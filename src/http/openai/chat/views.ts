/**
 * Which view a request asks for.
 *
 * Chat UIs can choose only a model, so a model name may carry the view as a suffix; programs use a
 * header or `metadata.view`.
 */
import { Effect, Schema } from "effect";
import { View } from "../../../services/Converter.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { headOf } from "../../../domain/cutText.ts";

/** The request header that chooses a view. */
export const viewHeader = "x-caisson-view";

const isView = Schema.is(View);

/** A model name without its view suffix; a suffix that is no view belongs to the name. */
export const splitModel = (model: string): { readonly model: string; readonly view?: View } => {
  const colon = model.lastIndexOf(":");
  const suffix = model.slice(colon + 1);
  return colon > 0 && isView(suffix) ? { model: model.slice(0, colon), view: suffix } : { model };
};

const parse = (param: string, value: string): Effect.Effect<View, InvalidRequest> =>
  isView(value) ? Effect.succeed(value) : Effect.fail(
    new InvalidRequest({
      param,
      why: `Unknown view '${headOf(value, 50)}': expected one of ${View.literals.join(", ")}`,
      code: "unknown_view",
    }),
  );

/** The places where a request may choose its view, the strongest first. */
export interface ViewChoice {
  readonly header: string | undefined;
  readonly metadata: string | undefined;
  readonly suffix: View | undefined;
  readonly fallback: View;
}

/** Chooses the view; an unknown one is refused wherever it was named. */
export const chooseView = ({ header, metadata, suffix, fallback }: ViewChoice): Effect.Effect<View, InvalidRequest> =>
  header !== undefined
    ? parse(viewHeader, header)
    : metadata !== undefined
    ? parse("metadata.view", metadata)
    : Effect.succeed(suffix ?? fallback);
