/** `npm start [-- --exit]`: the set-up, then the quickstart of the nat command, in this process where its Node will do. */
process.argv.splice(1, 1, 'nat', 'quickstart');
await import(new URL('../../apps/cli/bin/nat.mjs', import.meta.url).href);
