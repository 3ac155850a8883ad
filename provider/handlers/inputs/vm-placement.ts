/** What a VmPlacement is declared as, whatever the backend. */
import { z } from "zod";
import { migrationOptionsSchema } from "../../migration/options.js";
import { known } from "../unknown.js";

export const vmPlacementSchema = z.strictObject({
  vm: known(z.string().min(1).max(255)),
  host: known(z.string().min(1)),
  migration: known(migrationOptionsSchema.partial()).optional(),
});

export interface VmPlacementInputs {
  readonly vm: string;
  readonly host: string;
  readonly migration?: z.input<typeof migrationOptionsSchema>;
}
