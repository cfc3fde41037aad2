import { describe, expect, it } from 'vitest';
import { columnOf, loadNasBench201, parseNasBench201, rowOfCell } from './nasbench201.ts';

const dataDir = process.env['NAT_DATA_DIR'];
const HEADER = 'index,arch,iso_class,params,flops,c10_valid_12,c10_valid_200,c100_valid_12,in16_valid_12,lat_ms_eyeriss';

describe('parseNasBench201', () => {
  it('keeps every numeric column and finds cells by their exact string', () => {
    const table = parseNasBench201(`${HEADER}\n0,|a~0|,7,10,20,50.5,60,30,20,1.5\n1,|b~0|,7,11,21,51,61,31,21,2.5\n`, 'table.csv');
    expect(table.size).toBe(2);
    expect(rowOfCell(table, '|b~0|')).toBe(1);
    expect([...columnOf(table, 'c10_valid_12')]).toEqual([50.5, 51]);
    expect([...columnOf(table, 'lat_ms_eyeriss')]).toEqual([1.5, 2.5]);
    expect(() => rowOfCell(table, '|c~0|')).toThrow(/no cell of NAS-Bench-201/);
    expect(() => columnOf(table, 'test_accuracy')).toThrow(/no column of NAS-Bench-201: iso_class, params/);
  });

  it('refuses what is no table, naming the line', () => {
    expect(() => parseNasBench201('index,arch\n', 'table.csv')).toThrow(/table.csv: no column iso_class/);
    expect(() => parseNasBench201(`${HEADER}\n0,|a~0|,7,10,20,50\n`, 'table.csv')).toThrow(/line 2 has 6 fields, the header 10/);
    expect(() => parseNasBench201(`${HEADER}\n0,|a~0|,7,10,20,x,60,30,20,1\n`, 'table.csv')).toThrow(/line 2 has "x" in the column c10_valid_12/);
    expect(() => parseNasBench201(`${HEADER}\n0,|a~0|,7,1,2,5,6,3,2,1\n1,|a~0|,7,1,2,5,6,3,2,1\n`, 'table.csv')).toThrow(/line 3 repeats/);
  });

  it('says what to set when the table is missing', () => {
    expect(() => loadNasBench201(undefined)).toThrow(/set NAT_DATA_DIR to the folder that holds nasbench201.csv/);
    expect(() => loadNasBench201('/nonexistent')).toThrow(/not found at .*nasbench201.csv.*NAT_DATA_DIR/);
  });
});

describe.skipIf(dataDir === undefined)('loadNasBench201 (skipped without NAT_DATA_DIR)', () => {
  it('reads all 15,625 cells in 6,466 classes', () => {
    const table = loadNasBench201(dataDir);
    expect(table.size).toBe(15_625);
    expect(new Set(columnOf(table, 'iso_class')).size).toBe(6_466);
    expect(Math.max(...columnOf(table, 'c10_valid_200'))).toBeLessThan(92);
  });
});
