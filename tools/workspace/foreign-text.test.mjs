import { describe, expect, it } from 'vitest';
import { foreignLines, patterns } from './foreign-text.mjs';

const wanted = patterns({ home: '/export/ann', root: '/srv/nat' });
const found = (/** @type {string} */ text) => foreignLines(text, wanted).map(({ found }) => found);

describe('foreignLines', () => {
  it('finds paths of one machine', () => {
    expect(found("const a = '/root/x'\nb\nopen(/home/bob/y)\n/work/z")).toEqual(['/root/', '/home/bob/', '/work/']);
    expect(found('see /srv/nat/libs and /export/ann')).toEqual(['/srv/nat']);
    expect(foreignLines('a\n/root/x', wanted)[0]).toMatchObject({ line: 2, what: 'a path of one machine' });
  });

  it('finds registry hosts', () => {
    expect(found('https://registry.npmjs.org/a\n"resolved": "https://elsewhere/a.tgz"')).toEqual(['registry.npmjs.org', '"resolved": "https:']);
  });

  it('lets other text be', () => {
    expect(found('libs/work/x, ./root/y, ${root}/work/z, http://maven.apache.org/POM/4.0.0, /srv/nations, /tmp/x')).toEqual([]);
  });
});
