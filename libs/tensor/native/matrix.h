// Small dense products on packed panels: what convolutions are made of.
#pragma once

#include <algorithm>

#include "parallel.h"
#include "vector.h"

namespace nat {

#if defined(__AVX512F__)
constexpr int kRows = 8;  // rows of a block: 8 x 2 vectors of sums fill half of 32 registers
#else
constexpr int kRows = 4;
#endif

/**
 * c[r][v] (+)= sum_k a[r * rowStride + k * depthStride] b[k * ldb + v], for `rows` rows and V vectors of columns, the last one of `lanes`.
 * @tparam kAccumulate adds to c
 */
template <int R, int V, bool kAccumulate>
inline void multiplyBlock(int64_t depth, const float* a, int64_t rowStride, int64_t depthStride, const float* b, int64_t ldb, float* c, int64_t ldc, Lanes lanes) {
  Vector sums[R][V];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) {
      const float* from = c + r * ldc + v * kLanes;
      sums[r][v] = kAccumulate ? (v == V - 1 ? lanes.load(from) : load(from)) : Vector{};
    }
  for (int64_t k = 0; k < depth; k++) {
    Vector right[V];
    for (int v = 0; v < V; v++) right[v] = v == V - 1 ? lanes.load(b + k * ldb + v * kLanes) : load(b + k * ldb + v * kLanes);
    for (int r = 0; r < R; r++) {
      const Vector left = spread(a[r * rowStride + k * depthStride]);
      for (int v = 0; v < V; v++) sums[r][v] += left * right[v];
    }
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) {
      float* to = c + r * ldc + v * kLanes;
      if (v == V - 1) lanes.store(to, sums[r][v]);
      else store(to, sums[r][v]);
    }
}

/**
 * c (+)= a b.
 * @param a rows x depth, by strides @param b depth x columns, rows ldb apart @param c rows x columns, rows ldc apart
 */
template <bool kAccumulate>
inline void multiply(int64_t rows, int64_t depth, int64_t columns, const float* a, int64_t rowStride, int64_t depthStride, const float* b, int64_t ldb, float* c,
                     int64_t ldc) {
  for (int64_t column = 0; column < columns;) {
    const bool two = column + kLanes < columns;
    const Lanes lanes(columns - column - (two ? kLanes : 0));
    int64_t row = 0;
    for (; row + kRows <= rows; row += kRows) {
      const float* left = a + row * rowStride;
      float* to = c + row * ldc + column;
      if (two) multiplyBlock<kRows, 2, kAccumulate>(depth, left, rowStride, depthStride, b + column, ldb, to, ldc, lanes);
      else multiplyBlock<kRows, 1, kAccumulate>(depth, left, rowStride, depthStride, b + column, ldb, to, ldc, lanes);
    }
    for (; row < rows; row++) {
      const float* left = a + row * rowStride;
      float* to = c + row * ldc + column;
      if (two) multiplyBlock<1, 2, kAccumulate>(depth, left, rowStride, depthStride, b + column, ldb, to, ldc, lanes);
      else multiplyBlock<1, 1, kAccumulate>(depth, left, rowStride, depthStride, b + column, ldb, to, ldc, lanes);
    }
    column += two ? 2 * kLanes : kLanes;
  }
}

}  // namespace nat
