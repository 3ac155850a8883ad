/** What a move may be told. */
import type * as z from "zod";
import { migration } from "../model/migration.js";

export const migrationOptionsSchema = migration.schema;

export type MigrationOptions = z.output<typeof migrationOptionsSchema>;

export const defaultMigrationOptions: MigrationOptions = migrationOptionsSchema.parse({});
