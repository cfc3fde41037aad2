import type { ColumnType, Generated } from 'kysely';

export interface RunTable {
  id: ColumnType<number, never, never>;
  /** namespaces/* /searches/* or namespaces/* /evaluations/* */
  name: string;
  namespace: string;
  /** Of the last point recorded. Writers of one run take turns on this row, so positions become visible in their order. */
  position: Generated<number>;
  create_time: ColumnType<Date, never, never>;
  update_time: ColumnType<Date, never, Date>;
}

export interface PointTable {
  run: number;
  metric: string;
  step: number;
  value: number;
  time: Date;
  position: number;
}

/** What a metric of a run has come to; kept beside the points so that a summary does not read them. */
export interface SeriesTable {
  run: number;
  metric: string;
  count: number;
  last_step: number;
  last_value: number;
  last_time: Date;
  min_value: number;
  max_value: number;
}

export interface MetricsTables {
  'metrics.run': RunTable;
  'metrics.point': PointTable;
  'metrics.series': SeriesTable;
}
