import { describe, expect, it } from 'vitest';
import { parseFilter } from './filter.ts';

const parse = (filter: string) => parseFilter(filter, (field) => field !== 'colour', 'state, labels.*');

describe('parseFilter', () => {
  it('reads equality terms joined by AND', () => {
    expect(parse('')).toEqual([]);
    expect(parse('  state = "RUNNING"  ')).toEqual([{ field: 'state', value: 'RUNNING' }]);
    expect(parse('step=12 AND labels.team-a.x="a \\"b\\" \\\\ AND c=\\"d\\"" AND empty=""')).toEqual([
      { field: 'step', value: '12' },
      { field: 'labels.team-a.x', value: 'a "b" \\ AND c="d"' },
      { field: 'empty', value: '' },
    ]);
  });

  it.each([
    'state',
    'state=',
    '="x"',
    'state="x',
    'state="x" OR a="b"',
    'state="x" AND',
    'state="x" a="b"',
    'state="x"AND a="b"',
    'a="b" AND a="c"',
    'colour="red"',
    'a!="b"',
    'a="\\n"',
  ])('refuses %s', (filter) => {
    expect(() => parse(filter)).toThrow(expect.objectContaining({ kind: 'INVALID_ARGUMENT', reason: 'INVALID_FILTER' }));
  });
});
