/**
 * The response of an instance that died while it made it.
 */
import { InternalError } from "../../../runs/RunError.ts";
import { ResponseDialect } from "./dialect.ts";
import { tellError } from "./keep.ts";
import type { JsonObject } from "./wire.ts";

/** The response as it has failed. */
export const lostBody = (body: JsonObject): JsonObject => {
  const dialect = new ResponseDialect(body);
  tellError(dialect, new InternalError());
  return dialect.response;
};
