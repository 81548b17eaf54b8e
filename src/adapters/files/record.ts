/**
 * What every store of records shares.
 */
import { Schema } from "effect";
import { StoredFile } from "../../services/FileStore.ts";

/** Reads a record back; throws where the store holds something else. */
export const decodeFile = Schema.decodeUnknownSync(Schema.fromJsonString(StoredFile));

/** A record as a text. */
export const encoded = (file: StoredFile): string => JSON.stringify(file);
