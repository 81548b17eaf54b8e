import * as OpenAiChunks from "../../src/adapters/converter/OpenAiChunks.ts";
import { converterSuite } from "./converterSuite.ts";

converterSuite("OpenAiChunks", OpenAiChunks.layer);
