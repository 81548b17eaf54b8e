/**
 * What every store of containers shares.
 */
import { Schema } from "effect";
import { Container } from "../../services/ContainerStore.ts";

/** A day, in milliseconds. */
export const dayMs = 24 * 60 * 60 * 1000;

/** Containers whose files are removed in one sweep: each takes a while. */
export const expiredMax = 50;

/** Reads a container back; throws where the store holds something else. */
export const decodeContainer = Schema.decodeUnknownSync(Schema.fromJsonString(Container));

/** A container as a text. */
export const encoded = (container: Container): string => JSON.stringify(container);
