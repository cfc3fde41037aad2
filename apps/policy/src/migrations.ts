import type { Migration } from '@nat/storage';
import { deletedVersions, learnedSpaces, policyMigrations } from './policies/migrations.ts';
import { deriveDraws } from './searches/store/migrations/derive-draws.ts';
import { searchMigrations } from './searches/store/migrations/search-migrations.ts';
import { storedArchitectures } from './searches/store/migrations/stored-architectures.ts';

const LATER = [deletedVersions, storedArchitectures, learnedSpaces, deriveDraws];

/** The schema `policy`, which policies and searches share, by ids. */
export const POLICY_MIGRATIONS: readonly Migration[] = [...policyMigrations, ...searchMigrations, ...LATER].sort((a, b) => (a.id < b.id ? -1 : 1));
