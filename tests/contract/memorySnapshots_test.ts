import { Effect } from "effect";
import * as Memory from "../../src/adapters/snapshots/Memory.ts";
import { snapshotStoreSuite } from "./snapshotStoreSuite.ts";

snapshotStoreSuite("Memory", Effect.sync(Memory.make));
