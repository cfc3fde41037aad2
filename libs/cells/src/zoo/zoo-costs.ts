import type { Cost } from '@nat/graph';

/**
 * What the networks of the zoo cost where they are placed by default, so that a list need not count them: parameters, MACs, bytes of activations at their peak. A test
 * counts them.
 */
const COSTS = {
  DARTS: [3_349_342, 528_359_040, 1_769_472],
  NAT_DARTS: [2_682_334, 424_181_376, 1_769_472],
  NATv2_DARTS: [2_476_054, 394_155_648, 1_769_472],
  ENAS: [3_859_894, 605_719_584, 2_211_840],
  NAT_ENAS: [3_859_894, 605_719_584, 2_211_840],
  NATv2_ENAS: [3_691_414, 580_836_384, 2_211_840],
  NAONet: [11_463_670, 1_673_814_240, 1_400_832],
  NAT_NAONet: [8_284_582, 1_219_944_672, 1_400_832],
  NATv2_NAONet: [8_968_006, 1_322_463_456, 1_400_832],
  VGG: [3_797_974, 548_427_168, 1_032_192],
  NAT_VGG: [3_850_678, 553_735_584, 1_032_192],
  NATv2_VGG: [2_587_078, 378_060_192, 1_032_192],
  ResBlock: [3_797_974, 548_427_168, 1_032_192],
  NAT_ResBlock: [3_850_678, 553_735_584, 1_032_192],
  NATv2_ResBlock: [3_699_910, 538_308_000, 1_032_192],
  Mobilenetv2: [1_160_614, 181_648_800, 1_179_648],
  NAT_MobileNetv2: [1_186_966, 184_303_008, 1_179_648],
  NATv2_MobileNetv2: [1_186_966, 184_303_008, 1_179_648],
  R1: [3_520_198, 533_943_936, 1_769_472],
  NAT_R1: [2_904_598, 445_580_928, 1_769_472],
  R2: [2_845_846, 443_313_792, 1_769_472],
  NAT_R2: [2_256_598, 357_604_992, 1_769_472],
  R3: [5_236_966, 795_162_240, 1_769_472],
  NAT_R3: [2_996_182, 458_299_008, 1_769_472],
  R4: [8_486_254, 1_248_948_864, 1_769_472],
  NAT_R4: [5_445_622, 808_930_944, 1_769_472],
  R5: [5_345_182, 801_023_616, 1_769_472],
  NAT_R5: [5_283_190, 794_526_336, 1_769_472],
  vgg16: [14_724_042, 313_201_664, 786_432],
  resnet20: [269_722, 40_551_040, 262_144],
  resnet56: [853_018, 125_485_696, 262_144],
  mobilenet_v2: [2_236_682, 87_976_448, 1_867_776],
} as const satisfies Readonly<Record<string, readonly [params: number, macs: number, peakActivationBytes: number]>>;

export type ZooName = keyof typeof COSTS;

export function zooCost(name: ZooName): Cost {
  const [params, macs, peakActivationBytes] = COSTS[name];
  return { params, macs, peakActivationBytes };
}
