/** The registry as a process of its own, on a PostgreSQL server. `--migrate` runs its migrations and ends. */
import { loadConfig, runServiceProcess, serverEnvironment } from '@nat/service';
import { isReachable, databaseEnvironment, migrationsOf, openPostgres, postgresOptionsOf } from '@nat/storage';
import { z } from 'zod';
import { composeRegistry, REGISTRY_SCHEMAS } from './compose.ts';

await runServiceProcess({
  name: 'registry',
  readSettings: (environment) => loadConfig(z.object({ ...serverEnvironment, ...databaseEnvironment }), environment),
  migrations: migrationsOf(REGISTRY_SCHEMAS),
  compose: async ({ settings, logger, resources }) => {
    const database = await openPostgres(postgresOptionsOf(settings));
    resources.defer(() => database.close());
    const registry = await composeRegistry({ database, logger, migrate: settings.NAT_MIGRATE });
    resources.defer(() => registry.close());
    return { services: registry.services, healthy: () => isReachable(database) };
  },
});
