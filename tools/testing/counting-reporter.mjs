import fs from 'node:fs';
import path from 'node:path';

/**
 * Counts a vitest run into the file `NAT_TEST_COUNTS` and prints each group of skipped tests with its reason: the note of `ctx.skip(note)`,
 * else the titles, which say it. What never got to run (a file that does not load, an error outside a test) counts as failed.
 */
export default class CountingReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    /** @type {Map<string, number>} */
    const skipped = new Map();
    for (const module of modules) {
      const before = counts.failed;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'skipped') {
          counts.skipped += 1;
          const [group = ''] = test.fullName.split(' > ');
          const reason = `${path.relative(process.cwd(), module.moduleId)} > ${group}${result.note === undefined ? '' : ` (${result.note})`}`;
          skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
        } else counts.failed += 1;
      }
      const suiteErrors = [...module.children.allSuites()].reduce((sum, suite) => sum + suite.errors().length, module.errors().length);
      if (counts.failed === before) counts.failed += suiteErrors;
    }
    for (const [reason, number] of skipped) console.log(`skipped ${number}: ${reason}`);
    const file = process.env['NAT_TEST_COUNTS'];
    if (file !== undefined) fs.writeFileSync(file, JSON.stringify(counts));
  }
}
