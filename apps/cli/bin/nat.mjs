#!/usr/bin/env node
console.error('nat: not built yet');
process.exit(1);
