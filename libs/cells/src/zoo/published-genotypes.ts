/**
 * The genotypes published in the two official repositories (guoyongcs/NAT, guoyongcs/NATv2) in their own text. Names that stand in
 * both repositories hold the same genotype in both; NATv2 defines NATv2_ENAS twice, and this is the second, which counts.
 */
export const PUBLISHED_GENOTYPES = {
  DARTS: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2), ('sep_conv_3x3', 0, 3), ('sep_conv_3x3', 1, 3), ('sep_conv_3x3', 1, 4), ('skip_connect', 0, 4), ('skip_connect', 0, 5), ('dil_conv_3x3', 2, 5)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0, 2), ('max_pool_3x3', 1, 2), ('skip_connect', 2, 3), ('max_pool_3x3', 1, 3), ('max_pool_3x3', 0, 4), ('skip_connect', 2, 4), ('skip_connect', 2, 5), ('max_pool_3x3', 1, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  NAT_DARTS: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2), ('skip_connect', 0, 3), ('sep_conv_3x3', 1, 3), ('skip_connect', 1, 4), ('skip_connect', 0, 4), ('skip_connect', 0, 5), ('dil_conv_3x3', 2, 5)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 2, 3), ('skip_connect', 1, 3), ('max_pool_3x3', 0, 4), ('null', 2, 4), ('skip_connect', 2, 5), ('max_pool_3x3', 1, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  NATv2_DARTS: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2), ('null', 0, 3), ('skip_connect', 1, 3), ('dil_conv_3x3', 1, 4), ('skip_connect', 0, 4), ('skip_connect', 0, 5), ('dil_conv_3x3', 2, 5)], normal_concat=[2, 3, 4, 5], reduce=[('avg_pool_3x3', 0, 2), ('max_pool_3x3', 1, 2), ('skip_connect', 2, 3), ('skip_connect', 1, 3), ('avg_pool_3x3', 0, 4), ('skip_connect', 2, 4), ('skip_connect', 2, 5), ('max_pool_3x3', 1, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  ENAS: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('sep_conv_3x3', 1, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('sep_conv_5x5', 1, 3), ('avg_pool_3x3', 0, 4), ('sep_conv_3x3', 1, 4), ('sep_conv_3x3', 0, 5), ('avg_pool_3x3', 1, 5), ('avg_pool_3x3', 0, 6), ('sep_conv_5x5', 1, 6)], normal_concat=[2, 3, 4, 5, 6], reduce=[('sep_conv_5x5', 0, 2), ('avg_pool_3x3', 1, 2), ('sep_conv_3x3', 1, 3), ('avg_pool_3x3', 1, 3), ('avg_pool_3x3', 1, 4), ('sep_conv_3x3', 1, 4), ('avg_pool_3x3', 1, 5), ('sep_conv_5x5', 4, 5), ('sep_conv_5x5', 0, 6), ('sep_conv_3x3', 5, 6)], reduce_concat=[2, 3, 6])",
  },
  NAT_ENAS: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('sep_conv_3x3', 1, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('sep_conv_5x5', 1, 3), ('null', 0, 4), ('sep_conv_3x3', 1, 4), ('sep_conv_3x3', 0, 5), ('avg_pool_3x3', 1, 5), ('avg_pool_3x3', 0, 6), ('sep_conv_5x5', 1, 6)], normal_concat=[2, 3, 4, 5, 6], reduce=[('sep_conv_5x5', 0, 2), ('avg_pool_3x3', 1, 2), ('sep_conv_3x3', 1, 3), ('avg_pool_3x3', 1, 3), ('avg_pool_3x3', 1, 4), ('sep_conv_3x3', 1, 4), ('null', 1, 5), ('sep_conv_5x5', 4, 5), ('sep_conv_5x5', 0, 6), ('sep_conv_3x3', 5, 6)], reduce_concat=[2, 3, 6])",
  },
  NATv2_ENAS: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('sep_conv_3x3', 1, 2), ('null', 1, 2), ('skip_connect', 0, 3), ('sep_conv_5x5', 1, 3), ('avg_pool_3x3', 0, 4), ('sep_conv_3x3', 1, 4), ('sep_conv_3x3', 0, 5), ('avg_pool_3x3', 1, 5), ('skip_connect', 0, 6), ('sep_conv_3x3', 1, 6)], normal_concat=[2, 3, 4, 5, 6], reduce=[('sep_conv_3x3', 0, 2), ('avg_pool_3x3', 1, 2), ('sep_conv_3x3', 1, 3), ('avg_pool_3x3', 1, 3), ('avg_pool_3x3', 1, 4), ('avg_pool_3x3', 1, 4), ('avg_pool_3x3', 1, 5), ('sep_conv_5x5', 4, 5), ('sep_conv_5x5', 0, 6), ('max_pool_3x3', 5, 6)], reduce_concat=[2, 3, 6])",
  },
  NAONet: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('conv_3x3', 0, 2), ('avg_pool_5x5', 1, 2), ('conv_3x3', 1, 3), ('conv_1x3_3x1', 2, 3), ('conv_1x1', 0, 4), ('conv_3x3', 1, 4), ('conv_1x3_3x1', 0, 5), ('conv_3x3', 4, 5), ('conv_3x3', 0, 6), ('skip_connect', 1, 6)], normal_concat=[3, 5, 6], reduce=[('conv_3x3', 0, 2), ('avg_pool_2x2', 1, 2), ('conv_1x1', 0, 3), ('avg_pool_3x3', 0, 3), ('max_pool_2x2', 0, 4), ('conv_1x7_7x1', 1, 4), ('avg_pool_3x3', 0, 5), ('conv_1x1', 2, 5), ('conv_3x3', 0, 6), ('max_pool_3x3', 1, 6)], reduce_concat=[3, 4, 5, 6])",
  },
  NAT_NAONet: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('conv_3x3', 0, 2), ('avg_pool_5x5', 1, 2), ('null', 1, 3), ('conv_1x3_3x1', 2, 3), ('conv_1x1', 0, 4), ('skip_connect', 1, 4), ('conv_1x3_3x1', 0, 5), ('conv_3x3', 4, 5), ('conv_3x3', 0, 6), ('skip_connect', 1, 6)], normal_concat=[3, 5, 6], reduce=[('null', 0, 2), ('avg_pool_3x3', 1, 2), ('conv_1x1', 0, 3), ('avg_pool_3x3', 0, 3), ('skip_connect', 0, 4), ('conv_1x7_7x1', 1, 4), ('avg_pool_3x3', 0, 5), ('skip_connect', 2, 5), ('conv_3x3', 0, 6), ('max_pool_3x3', 1, 6)], reduce_concat=[3, 4, 5, 6])",
  },
  NATv2_NAONet: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('conv_3x3', 0, 2), ('avg_pool_5x5', 1, 2), ('conv_3x3', 1, 3), ('conv_1x3_3x1', 2, 3), ('max_pool_3x3', 0, 4), ('conv_3x3', 1, 4), ('max_pool_3x3', 0, 5), ('conv_3x3', 4, 5), ('sep_conv_3x3', 0, 6), ('skip_connect', 1, 6)], normal_concat=[3, 5, 6], reduce=[('conv_3x3', 0, 2), ('skip_connect', 1, 2), ('avg_pool_3x3', 0, 3), ('avg_pool_3x3', 0, 3), ('max_pool_2x2', 0, 4), ('conv_1x7_7x1', 1, 4), ('skip_connect', 0, 5), ('skip_connect', 2, 5), ('max_pool_3x3', 0, 6), ('max_pool_3x3', 1, 6)], reduce_concat=[3, 4, 5, 6])",
  },
  VGG: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('null', 0, 2), ('skip_connect', 1, 2), ('null', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('conv_3x3', 3, 4), ('null', 0, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('null', 0, 2), ('skip_connect', 1, 2), ('null', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('conv_3x3', 3, 4), ('null', 0, 5), ('max_pool_3x3', 4, 5)], reduce_concat=[5])",
  },
  NAT_VGG: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('skip_connect', 0, 2), ('skip_connect', 1, 2), ('null', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('conv_3x3', 3, 4), ('skip_connect', 0, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('skip_connect', 0, 2), ('skip_connect', 1, 2), ('null', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('conv_3x3', 3, 4), ('skip_connect', 0, 5), ('skip_connect', 4, 5)], reduce_concat=[5])",
  },
  NATv2_VGG: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('skip_connect', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('sep_conv_3x3', 3, 4), ('skip_connect', 0, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('skip_connect', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('sep_conv_3x3', 3, 4), ('skip_connect', 0, 5), ('max_pool_3x3', 4, 5)], reduce_concat=[5])",
  },
  ResBlock: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('null', 0, 2), ('skip_connect', 1, 2), ('null', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('conv_3x3', 3, 4), ('skip_connect', 2, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('null', 0, 2), ('skip_connect', 1, 2), ('null', 0, 3), ('conv_3x3', 2, 3), ('null', 0, 4), ('conv_3x3', 3, 4), ('skip_connect', 2, 5), ('skip_connect', 4, 5)], reduce_concat=[5])",
  },
  NAT_ResBlock: {
    repositories: ['NAT', 'NATv2'],
    text: "Genotype(normal=[('null', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('conv_3x3', 2, 3), ('skip_connect', 0, 4), ('conv_3x3', 3, 4), ('skip_connect', 2, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('null', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('conv_3x3', 2, 3), ('skip_connect', 0, 4), ('conv_3x3', 3, 4), ('skip_connect', 2, 5), ('skip_connect', 4, 5)], reduce_concat=[5])",
  },
  NATv2_ResBlock: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('skip_connect', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('conv_3x3', 2, 3), ('skip_connect', 0, 4), ('conv_3x3', 3, 4), ('skip_connect', 2, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('skip_connect', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('conv_3x3', 2, 3), ('skip_connect', 0, 4), ('sep_conv_3x3', 3, 4), ('skip_connect', 2, 5), ('skip_connect', 4, 5)], reduce_concat=[5])",
  },
  Mobilenetv2: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('null', 0, 2), ('conv_1x1', 1, 2), ('null', 0, 3), ('sep_conv_3x3', 2, 3), ('null', 0, 4), ('conv_1x1', 3, 4), ('skip_connect', 1, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('null', 0, 2), ('conv_1x1', 1, 2), ('null', 0, 3), ('sep_conv_3x3', 2, 3), ('null', 0, 4), ('conv_1x1', 3, 4), ('null', 0, 5), ('skip_connect', 4, 5)], reduce_concat=[5])",
  },
  NAT_MobileNetv2: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('null', 0, 2), ('conv_1x1', 1, 2), ('null', 0, 3), ('sep_conv_3x3', 2, 3), ('skip_connect', 0, 4), ('conv_1x1', 3, 4), ('skip_connect', 1, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('null', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('sep_conv_3x3', 2, 3), ('null', 0, 4), ('conv_1x1', 3, 4), ('null', 0, 5), ('skip_connect', 4, 5)], reduce_concat=[5])",
  },
  NATv2_MobileNetv2: {
    repositories: ['NATv2'],
    text: "Genotype(normal=[('null', 0, 2), ('conv_1x1', 1, 2), ('null', 0, 3), ('sep_conv_3x3', 2, 3), ('skip_connect', 0, 4), ('conv_1x1', 3, 4), ('skip_connect', 1, 5), ('skip_connect', 4, 5)], normal_concat=[5], reduce=[('null', 0, 2), ('skip_connect', 1, 2), ('skip_connect', 0, 3), ('sep_conv_3x3', 2, 3), ('null', 0, 4), ('conv_1x1', 3, 4), ('null', 0, 5), ('skip_connect', 4, 5)], reduce_concat=[5])",
  },
  R1: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('dil_conv_5x5', 1, 2), ('dil_conv_5x5', 1, 2), ('dil_conv_5x5', 1, 3), ('dil_conv_5x5', 2, 3), ('sep_conv_3x3', 0, 4), ('sep_conv_3x3', 3, 4), ('skip_connect', 1, 5), ('max_pool_3x3', 0, 5)], normal_concat=[2, 3, 4, 5], reduce=[('sep_conv_5x5', 0, 2), ('max_pool_3x3', 0, 2), ('skip_connect', 0, 3), ('sep_conv_3x3', 0, 3), ('conv_3x3', 0, 4), ('max_pool_3x3', 2, 4), ('avg_pool_3x3', 2, 5), ('conv_3x3', 3, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  NAT_R1: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('skip_connect', 1, 2), ('dil_conv_5x5', 1, 2), ('null', 1, 3), ('dil_conv_5x5', 2, 3), ('sep_conv_3x3', 0, 4), ('sep_conv_3x3', 3, 4), ('skip_connect', 1, 5), ('max_pool_3x3', 0, 5)], normal_concat=[2, 3, 4, 5], reduce=[('sep_conv_5x5', 0, 2), ('max_pool_3x3', 0, 2), ('skip_connect', 0, 3), ('sep_conv_3x3', 0, 3), ('skip_connect', 0, 4), ('skip_connect', 2, 4), ('skip_connect', 2, 5), ('conv_3x3', 3, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  R2: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('max_pool_3x3', 1, 2), ('dil_conv_3x3', 0, 2), ('sep_conv_5x5', 2, 3), ('avg_pool_3x3', 2, 3), ('dil_conv_5x5', 0, 4), ('skip_connect', 3, 4), ('sep_conv_3x3', 1, 5), ('max_pool_3x3', 3, 5)], normal_concat=[2, 3, 4, 5], reduce=[('conv_3x3', 1, 2), ('avg_pool_3x3', 1, 2), ('max_pool_3x3', 0, 3), ('dil_conv_5x5', 0, 3), ('max_pool_3x3', 0, 4), ('skip_connect', 0, 4), ('dil_conv_5x5', 4, 5), ('skip_connect', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  NAT_R2: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('max_pool_3x3', 1, 2), ('dil_conv_3x3', 0, 2), ('null', 2, 3), ('null', 2, 3), ('dil_conv_5x5', 0, 4), ('null', 3, 4), ('sep_conv_3x3', 1, 5), ('max_pool_3x3', 3, 5)], normal_concat=[2, 3, 4, 5], reduce=[('skip_connect', 1, 2), ('avg_pool_3x3', 1, 2), ('skip_connect', 0, 3), ('dil_conv_5x5', 0, 3), ('null', 0, 4), ('skip_connect', 0, 4), ('dil_conv_5x5', 4, 5), ('skip_connect', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  R3: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('conv_3x3', 0, 2), ('skip_connect', 0, 2), ('conv_3x3', 0, 3), ('max_pool_3x3', 0, 3), ('sep_conv_5x5', 1, 4), ('sep_conv_3x3', 3, 4), ('avg_pool_3x3', 4, 5), ('avg_pool_3x3', 4, 5)], normal_concat=[2, 3, 4, 5], reduce=[('skip_connect', 0, 2), ('max_pool_3x3', 0, 2), ('sep_conv_5x5', 2, 3), ('avg_pool_3x3', 0, 3), ('skip_connect', 3, 4), ('max_pool_3x3', 2, 4), ('max_pool_3x3', 1, 5), ('sep_conv_5x5', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  NAT_R3: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('conv_3x3', 0, 2), ('skip_connect', 0, 2), ('null', 0, 3), ('max_pool_3x3', 0, 3), ('null', 1, 4), ('null', 3, 4), ('avg_pool_3x3', 4, 5), ('null', 4, 5)], normal_concat=[2, 3, 4, 5], reduce=[('skip_connect', 0, 2), ('max_pool_3x3', 0, 2), ('sep_conv_5x5', 2, 3), ('avg_pool_3x3', 0, 3), ('null', 3, 4), ('skip_connect', 2, 4), ('max_pool_3x3', 1, 5), ('sep_conv_5x5', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  R4: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('conv_3x3', 1, 2), ('sep_conv_3x3', 1, 2), ('conv_3x3', 2, 3), ('conv_3x3', 2, 3), ('sep_conv_3x3', 3, 4), ('conv_3x3', 0, 4), ('max_pool_3x3', 0, 5), ('max_pool_3x3', 4, 5)], normal_concat=[2, 3, 4, 5], reduce=[('sep_conv_3x3', 0, 2), ('sep_conv_5x5', 1, 2), ('skip_connect', 2, 3), ('sep_conv_3x3', 2, 3), ('sep_conv_5x5', 2, 4), ('conv_3x3', 1, 4), ('dil_conv_5x5', 2, 5), ('max_pool_3x3', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  NAT_R4: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('conv_3x3', 1, 2), ('sep_conv_3x3', 1, 2), ('skip_connect', 2, 3), ('null', 2, 3), ('sep_conv_3x3', 3, 4), ('conv_3x3', 0, 4), ('max_pool_3x3', 0, 5), ('null', 4, 5)], normal_concat=[2, 3, 4, 5], reduce=[('sep_conv_3x3', 0, 2), ('sep_conv_5x5', 1, 2), ('skip_connect', 2, 3), ('sep_conv_3x3', 2, 3), ('skip_connect', 2, 4), ('conv_3x3', 1, 4), ('null', 2, 5), ('skip_connect', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  R5: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('skip_connect', 0, 2), ('max_pool_3x3', 0, 2), ('max_pool_3x3', 2, 3), ('dil_conv_5x5', 0, 3), ('max_pool_3x3', 2, 4), ('conv_3x3', 2, 4), ('conv_3x3', 0, 5), ('sep_conv_5x5', 2, 5)], normal_concat=[2, 3, 4, 5], reduce=[('dil_conv_5x5', 0, 2), ('avg_pool_3x3', 1, 2), ('sep_conv_5x5', 0, 3), ('avg_pool_3x3', 2, 3), ('conv_3x3', 0, 4), ('dil_conv_5x5', 0, 4), ('sep_conv_3x3', 0, 5), ('skip_connect', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
  NAT_R5: {
    repositories: ['NAT'],
    text: "Genotype(normal=[('skip_connect', 0, 2), ('max_pool_3x3', 0, 2), ('null', 2, 3), ('dil_conv_5x5', 0, 3), ('null', 2, 4), ('conv_3x3', 2, 4), ('conv_3x3', 0, 5), ('sep_conv_5x5', 2, 5)], normal_concat=[2, 3, 4, 5], reduce=[('dil_conv_5x5', 0, 2), ('avg_pool_3x3', 1, 2), ('sep_conv_5x5', 0, 3), ('avg_pool_3x3', 2, 3), ('conv_3x3', 0, 4), ('null', 0, 4), ('skip_connect', 0, 5), ('skip_connect', 4, 5)], reduce_concat=[2, 3, 4, 5])",
  },
} as const;
export type PublishedName = keyof typeof PUBLISHED_GENOTYPES;
