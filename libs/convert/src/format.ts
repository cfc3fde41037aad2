import { architecture as wire } from '@nat/contracts';

/** Texts that hold an architecture, and drawings of it. */
export const FORMATS = ['genotype', 'json', 'nasbench201', 'dot', 'svg'] as const;
export type FormatName = (typeof FORMATS)[number];

const WIRE_FORMATS = {
  genotype: 'FORMAT_GENOTYPE',
  json: 'FORMAT_JSON',
  nasbench201: 'FORMAT_NASBENCH201',
  dot: 'FORMAT_DOT',
  svg: 'FORMAT_SVG',
} as const satisfies Record<FormatName, wire.Format>;

/** Undefined where none is named. */
export function formatFromWire(format: wire.Format): FormatName | undefined {
  return FORMATS.find((name) => WIRE_FORMATS[name] === format);
}

/** The inverse of `formatFromWire`. */
export function formatToWire(format: FormatName | undefined): wire.Format {
  return format === undefined ? wire.Format.FORMAT_UNSPECIFIED : WIRE_FORMATS[format];
}
