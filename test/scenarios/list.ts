/** Every scenario, for any backend. */
import { adoption } from "./adoption.js";
import { hostsThatFail, impossibleMoves, moves } from "./moves.js";
import { pairs } from "./pairs.js";
import { profiles } from "./profiles.js";
import type { Scenario } from "./scenario.js";

export const scenarios: readonly Scenario[] = [pairs, profiles, adoption, moves, impossibleMoves, hostsThatFail];
