import type { Migration } from '@nat/storage';
import { deletedVersions, learnedSpaces, policyMigrations } from './policies/migrations.ts';
import { searchMigrations } from './searches/store/migrations/search-migrations.ts';
import { storedArchitectures } from './searches/store/migrations/stored-architectures.ts';

/** The schema `policy`, which policies and searches share, by ids. */
export const POLICY_MIGRATIONS: readonly Migration[] = [...policyMigrations, ...searchMigrations, deletedVersions, storedArchitectures, learnedSpaces].sort(
  (a, b) => (a.id < b.id ? -1 : 1),
);
