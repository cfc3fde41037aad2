// The same tests on libtensorflow's own operations: what runs on a GPU.
process.env['NAT_KERNELS'] = 'off';
await import('./layers.test.ts');
