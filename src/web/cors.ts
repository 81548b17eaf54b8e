/**
 * What lets the pages of other origins call a door from a browser.
 */
import { Layer } from "effect";
import { HttpRouter } from "effect/http";

/**
 * Answers what browsers ask before they let a page call, and lets its scripts read these headers of an answer.
 *
 * *Details*: `origins` is a setting's list with commas, each in the form in which browsers send it, or `*`. Without
 * any, no page of another origin may call.
 */
export const layer = (origins: string, exposedHeaders: ReadonlyArray<string>) => {
  const listed = origins.split(",").map((origin) => origin.trim()).filter((origin) => origin !== "");
  // Beside others the middleware takes the asterisk for a name.
  const allowedOrigins = listed.includes("*") ? ["*"] : listed;
  return allowedOrigins.length === 0 ? Layer.empty : HttpRouter.cors({ allowedOrigins, exposedHeaders });
};
