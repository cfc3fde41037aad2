/**
 * `cost-masked`: no edge may get an operation that adds parameters, MACs or an output tensor anywhere, and a cell that lets
 * its input through keeps doing so. `total-cost`: what an edge adds may be saved by others; results are kept within their source's cost as a whole, by a
 * `Decoder`. `official`: exactly the official tables.
 */
export type MaskMode = 'total-cost' | 'cost-masked' | 'official';
